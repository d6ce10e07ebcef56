"""Talking to guests under real QEMU: consoles, keys, pictures, raw commands; and what the host can do."""

from __future__ import annotations

import json
import time

import pytest

from polyvisor.documents import check, write
from polyvisor.errors import HypervisorError, InvalidArgument, NoSuchDevice
from polyvisor.model.capabilities import Capabilities
from polyvisor.model.domaincaps import DomainCapabilities

from .conftest import boot_sector, read_until, ready

pytestmark = pytest.mark.live


def test_a_console_prints_and_echoes(connection):
    domain = connection.define(boot_sector())
    domain.start()
    with domain.open_console(replay=1000) as stream:
        read_until(stream, b"ready")
        stream.write(b"hello")
        read_until(stream, b"hello")


def test_two_consoles_read_the_same(connection):
    domain = connection.define(boot_sector())
    domain.start()
    ready(domain)
    with domain.open_console() as first, domain.open_console() as second:
        first.write(b"xyz")
        assert read_until(first, b"z").endswith(b"xyz") and read_until(second, b"z").endswith(b"xyz")


def test_output_is_kept_with_nobody_attached(connection, tmp_path):
    domain = connection.define(boot_sector())
    domain.start()
    ready(domain)
    domain.destroy()
    log = next((tmp_path / "qemu/log").glob("*.serial0.log"))
    assert b"ready" in log.read_bytes()
    domain.start()
    domain.destroy(remove_logs=True)
    assert not list((tmp_path / "qemu/log").iterdir())


def test_a_console_ends_with_its_guest(connection):
    domain = connection.define(boot_sector())
    domain.start()
    ready(domain)
    with domain.open_console() as stream:
        domain.destroy()
        while stream.read():
            pass
        with pytest.raises((HypervisorError, BlockingIOError)):
            deadline = time.monotonic() + 10
            while time.monotonic() < deadline:
                stream.write(b"x" * 4096)


def test_there_are_only_the_consoles_there_are(connection):
    domain = connection.define(boot_sector())
    domain.start()
    with domain.open_console(device="serial0"):
        pass
    with pytest.raises(NoSuchDevice, match=r"serial7.*serial0"):
        domain.open_console(device="serial7")


def test_a_channel_is_a_socket(connection):
    devices = "<channel type='unix'><target type='virtio' name='org.example.0'/></channel>"
    domain = connection.define(boot_sector(devices=devices))
    domain.start()
    with domain.open_channel(name="org.example.0") as stream:
        assert stream.write(b"anybody there?") == 14
    with pytest.raises(NoSuchDevice):
        domain.open_channel(name="org.example.1")


def test_keys_interrupts_and_pictures(connection):
    domain = connection.define(boot_sector(devices="<video><model type='vga'/></video>"))
    domain.start()
    domain.send_key([29, 56, 111])
    with pytest.raises(InvalidArgument):
        domain.send_key([9999])
    domain.inject_nmi()
    picture = domain.screenshot()
    assert picture.media_type == "image/x-portable-pixmap" and picture.data.startswith(b"P6\n")


def test_commands_by_hand_taint_the_guest(connection):
    domain = connection.define(boot_sector())
    domain.start()
    assert domain.messages() == []
    assert json.loads(domain.monitor_command('{"execute": "query-status", "id": 5}'))["id"] == 5
    assert json.loads(domain.monitor_command('{"execute": "no-such"}'))["error"]["class"] == "CommandNotFound"
    assert "running" in domain.monitor_command("info status", human=True)
    assert any("custom-monitor" in message for message in domain.messages())
    with pytest.raises(InvalidArgument):
        domain.monitor_command("query-status")


def test_vnc_finds_a_port_of_its_own(connection):
    documents = [boot_sector(name, devices="<graphics type='vnc' autoport='yes'/>") for name in ("a", "b")]
    domains = [connection.define(document) for document in documents]
    for domain in domains:
        domain.start()
    ports = [domain.config().devices.graphics[0].port for domain in domains]
    assert len(set(ports)) == 2 and all(port >= 5900 for port in ports)
    assert domains[0].config(inactive=True).devices.graphics[0].port == -1


def test_every_device_we_claim_starts(connection):
    devices = """
      <disk type='file' device='cdrom'><target dev='hdc' bus='ide'/></disk>
      <disk type='file' device='cdrom'><target dev='sda' bus='scsi'/></disk>
      <disk type='file' device='floppy'><target dev='fda' bus='fdc'/></disk>
      <interface type='user'><model type='virtio'/></interface>
      <interface type='user'><model type='e1000'/></interface>
      <interface type='null'><model type='rtl8139'/></interface>
      <console type='pty'><target type='serial'/></console>
      <console type='pty'><target type='virtio'/></console>
      <input type='tablet' bus='usb'/><input type='keyboard' bus='virtio'/>
      <graphics type='vnc'/><video><model type='virtio'/></video>
      <sound model='ich6'/><sound model='ac97'/>
      <watchdog model='i6300esb' action='reset'/>
      <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
      <rng model='virtio'><backend model='builtin'/></rng>
      <panic model='isa'/><hub type='usb'/>
      <controller type='usb' index='1' model='qemu-xhci'/>"""
    for machine in ("pc", "q35"):
        chosen = devices.replace("dev='hdc' bus='ide'", "dev='sdf' bus='sata'") if machine == "q35" else devices
        domain = connection.define(boot_sector(f"all-{machine}", machine=machine, devices=chosen))
        domain.start()
        ready(domain)
        domain.destroy()


def test_what_the_host_can_do_is_told_in_valid_documents(connection):
    capabilities = connection.capabilities()
    text = capabilities if isinstance(capabilities, str) else write(capabilities)
    check(text, Capabilities)
    assert "qemu-system-x86_64" in text
    offered = connection.domain_capabilities(domain_type="qemu", machine="q35")
    text = offered if isinstance(offered, str) else write(offered)
    check(text, DomainCapabilities)
    assert "pc-q35-" in text
    assert "qemu64" in connection.cpu_models("x86_64")


def test_what_domain_capabilities_list_is_accepted(connection):
    """The claims of one document tried on the other."""
    offered = connection.domain_capabilities(domain_type="qemu", machine="pc")
    for model in offered.devices.video.offers("modelType"):
        connection.define(boot_sector(f"video-{model}", devices=f"<video><model type='{model}'/></video>"))
    for model in offered.devices.rng.offers("model"):
        connection.define(boot_sector(f"rng-{model}", devices=f"<rng model='{model}'><backend model='builtin'/></rng>"))


def test_what_a_guest_uses_is_counted(connection):
    domain = connection.define(boot_sector())
    connection.define(boot_sector("idle"))
    domain.start()
    ready(domain)
    assert domain.cpu_stats().total.total_ns > 0
    memory = domain.memory_stats()
    assert memory.actual == 32768 and memory.rss > 1024
    disk = domain.block_stats(disk="vda")
    assert disk.read_requests > 0 and disk.read_bytes >= 512 and disk == domain.block_stats()
    with pytest.raises(NoSuchDevice):
        domain.block_stats(disk="vdb")
    table = {stats.ref.name: stats.values for stats in connection.domain_stats()}
    assert (table["idle"]["state.state"], table["demo"]["state.state"], table["demo"]["state.reason"]) == (5, 1, 1)
    assert table["demo"]["block.count"] == 1 and table["demo"]["block.0.rd.reqs"] == disk.read_requests
    assert table["demo"]["balloon.current"] == 32768 and "cpu.time" not in table["idle"]
