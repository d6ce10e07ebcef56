"""An operating system under the QEMU driver: what the document asks for is what the guest finds."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

import polyvisor
from polyvisor_qemu.guest import image_path

if TYPE_CHECKING:
    from conftest import LinuxGuest

    from polyvisor import Connection
    from polyvisor.operations.consoles import Stream

pytestmark = pytest.mark.live

DOCUMENT = """
<domain type='qemu'>
  <name>linux</name>
  <memory unit='MiB'>192</memory>
  <vcpu>2</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{guest.kernel}</kernel>
    <initrd>{guest.initramfs}</initrd>
    <cmdline>{guest.cmdline} polyvisor.mark='a b', c=1</cmdline>
  </os>
  <features><acpi/></features>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/>
      <source file='{disk}'/>
      <target dev='vda' bus='virtio'/>
      <readonly/>
      <serial>first, of all</serial>
    </disk>
    <interface type='user'>
      <mac address='52:54:00:00:00:07'/>
      <model type='virtio'/>
    </interface>
    <serial type='pty'/>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
  </devices>
</domain>
"""


@pytest.fixture
def connection(qemu_binary: str) -> Iterator[Connection]:
    # Sockets lie below the root, and their paths are short by the kernel's rules.
    with (
        tempfile.TemporaryDirectory(prefix="pv-") as root,
        polyvisor.open(f"qemu:///embed?root={root}") as connection,
    ):
        yield connection
        for row in connection.list_domains(active=True):
            connection.domain(uuid=row.ref.uuid).destroy()


def read_until(console: Stream, text: str, within: float = 120.0) -> str:
    """What the console says up to ``text``. Fails when the guest ends or ``within`` seconds are over."""
    import select

    deadline = time.monotonic() + within
    heard = ""
    while text not in heard:
        ready, _, _ = select.select([console], [], [], max(0.0, deadline - time.monotonic()))
        more = console.read().decode(errors="replace") if ready else ""
        assert more, f"the guest did not say {text!r}; it said {heard!r}"
        heard += more
    return heard


def answer(console: Stream, command: str) -> str:
    """What a command prints in the guest's shell."""
    # The shell echoes the line as typed, "do''ne"; only what it prints has the words in one piece.
    console.write(f"echo be''gin; {command}; echo; echo do''ne\r".encode())
    heard = read_until(console, "\ndone\r\n", within=30.0)
    return heard.partition("begin\r\n")[2].rpartition("done")[0].replace("\r\n", "\n").strip()


def test_linux_finds_what_its_document_says_and_obeys_the_power_button(
    connection: Connection, linux_guest: LinuxGuest
) -> None:
    domain = connection.define(DOCUMENT.format(guest=linux_guest, disk=image_path()))
    with connection.events(domain="linux") as events:
        domain.start()
        with domain.open_console(replay=65536) as console:
            read_until(console, linux_guest.prompt)
            assert answer(console, "nproc") == "2"
            assert "polyvisor.mark='a b', c=1" in answer(console, "cat /proc/cmdline")
            assert 150_000 < int(answer(console, "awk '/MemTotal/ {print $2}' /proc/meminfo")) < 192 * 1024
            assert answer(console, "cat /sys/block/vda/size /sys/block/vda/ro") == "1008\n1"
            assert answer(console, "cat /sys/block/vda/serial") == "first, of all"
            assert answer(console, "cat /sys/class/net/eth0/address") == "52:54:00:00:00:07"
            assert answer(console, "cat /sys/class/misc/hw_random/rng_current") == "virtio_rng.0"
            leased = "until ip -4 address show eth0 | grep inet; do usleep 20000; done"
            assert "inet 10.0.2.15/24" in answer(console, leased)
            domain.shutdown()
            read_until(console, "power button, bye")
        story = []
        while (happened := events.get(timeout=60)) and happened.event != "stopped":
            story.append((happened.event, happened.detail))
    assert happened is not None
    assert (happened.event, happened.detail) == ("stopped", "shutdown")
    assert ("started", "booted") in story
    assert domain.state().state == polyvisor.DomainState.SHUT_OFF
