"""What tests plug into guests, beside what the target's own document has: the fixture ``kit``."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from polyvisor.testing.needs import needs_of, parse_need

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain
    from polyvisor.testing.bench import Bench

IMAGE_BYTES = 1 << 20
"""Size of the images that tests make."""


@dataclass(frozen=True, slots=True)
class Parts:
    """Devices as the hypervisor takes them, one of each kind; an empty text for a kind it does not have.

    ``{target}`` becomes one of ``targets``, ``{mac}`` an address, ``{path}`` a file that exists: a raw image of one
    MiB, of zeros, where the hypervisor's host is this one. A hypervisor that keeps images in its own way (a volume,
    a datastore) writes another ``<source>``, with ``{target}`` in it if every disk has to have its own. Without a
    ``balloon`` the memory of guests moves, if it does, without such a device; without an ``agent`` the system inside
    is asked, as far as it is, without one.
    """

    disk: str = (
        "<disk type='file' device='disk'><driver type='raw'/><source file='{path}'/><target dev='{target}'/></disk>"
    )
    cdrom: str = "<disk type='file' device='cdrom'>{source}<target dev='{target}'/><readonly/></disk>"
    interface: str = "<interface type='user'><mac address='{mac}'/></interface>"
    balloon: str = "<memballoon model='virtio'/>"
    graphics: str = "<graphics type='vnc' autoport='yes'/>"
    agent: str = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
    targets: tuple[str, ...] = ("vdx", "vdy", "vdz")


class Kit:
    """Makes devices and the guests that have them. Skips the test that asks for what the hypervisor does not have."""

    def __init__(self, bench: Bench, called: Collection[str] = ()) -> None:
        """``called`` are the operations that the test says it needs."""
        self.bench = bench
        self.parts = bench.target.parts
        self.scratch = bench.scratch
        self._waiting = sorted(bench.target.stored_only.intersection(called))
        self._descriptors: list[int] = []

    # -- devices -------------------------------------------------------------------------------------------

    def target(self, number: int = 0) -> str:
        """Name of one of the disks that tests plug in."""
        return self.parts.targets[number]

    def mac(self, number: int = 0) -> str:
        """Address of one of the network cards that tests plug in."""
        return f"52:54:00:c0:ff:{number:02x}"

    def path(self, name: str) -> str:
        """A file with a raw image of zeros."""
        found = self.scratch / f"{name}.img"
        if not found.exists():
            with found.open("wb") as file:
                file.truncate(IMAGE_BYTES)
        return str(found)

    def disk(self, number: int = 0, more: str = "") -> str:
        """A disk; ``more`` are further elements of it."""
        pattern = self._pattern("disk")
        self.bench.require("{path}" not in pattern or self.bench.target.local, "its images are on another host")
        target = self.target(number)
        text = pattern.replace("{target}", target)
        if "{path}" in text:
            text = text.replace("{path}", self.path(target))
        return text.replace("</disk>", f"{more}</disk>")

    def cdrom(self, medium: str | None = None, number: int = 2) -> str:
        """A drive with a removable medium: a file's path, or None for an empty drive."""
        self.bench.require(self.bench.target.local, "its images are on another host")
        source = "" if medium is None else f"<source file='{medium}'/>"
        return self._pattern("cdrom").replace("{source}", source).replace("{target}", self.target(number))

    def interface(self, number: int = 0, more: str = "") -> str:
        """A network card; ``more`` are further elements of it."""
        text = self._pattern("interface").replace("{mac}", self.mac(number))
        return text.replace("</interface>", f"{more}</interface>")

    def balloon(self) -> str:
        """A memory balloon."""
        return self._pattern("balloon")

    def graphics(self) -> str:
        """A graphics server."""
        return self._pattern("graphics")

    def agent(self) -> str:
        """The channel of a guest agent, which answers; nothing where the system inside can be asked without one."""
        if self.parts.agent:
            self.bench.require(self.bench.target.agent, "no agent answers in the target's guest")
        return self.parts.agent

    def descriptor(self) -> int:
        """An open file descriptor; closed when the test ends."""
        self._descriptors.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        return self._descriptors[-1]

    def close(self) -> None:
        """Close the descriptors that were made, unless somebody took them over and closed them."""
        for descriptor in self._descriptors:
            with contextlib.suppress(OSError):
                os.close(descriptor)

    def _pattern(self, kind: str) -> str:
        pattern: str = getattr(self.parts, kind)
        self.bench.require(pattern, f"the hypervisor has no device of the kind {kind}")
        return pattern

    # -- guests --------------------------------------------------------------------------------------------

    def guest(self, *wanted: str, extra: str = "", devices: str = "", name: str | None = None) -> Domain:
        """A guest that is off, with one device of each kind ``wanted``.

        Kinds are ``"disk"``, ``"interface"``, ``"balloon"``, ``"graphics"``, ``"cdrom"`` and ``"agent"``, and the
        keys of :data:`EXTRAS`, which are no devices."""
        for kind in wanted:
            if kind in EXTRAS:
                extra += EXTRAS[kind]
            elif kind == "balloon" and not self.parts.balloon:
                continue  # memory moves without one
            elif kind not in SINGLE or SINGLE[kind] not in self.bench.document():
                devices += getattr(self, kind)()
        return self.bench.define(name, extra=extra, devices=devices)

    def running(self, *wanted: str, extra: str = "", devices: str = "", paused: bool = False) -> Domain:
        """The same, started."""
        domain = self.guest(*wanted, extra=extra, devices=devices)
        return self.start(domain, **({"paused": True} if paused else {}))

    def start(self, domain: Domain, **options: bool) -> Domain:
        """Start a guest for a test of what can be done to it while it runs.

        Skips the test when one of the operations that it needs changes nothing of a running guest here."""
        self.bench.require(not self._waiting, f"{', '.join(self._waiting)} waits for the next start here")
        return self.bench.start(domain, **options)

    def transient(self, *wanted: str) -> Domain:
        """The same, running, without a stored configuration."""
        self.bench.need("domain.undefine")
        domain = self.running(*wanted)
        domain.undefine()
        return domain


SINGLE = {"balloon": "<memballoon", "agent": "org.qemu.guest_agent.0"}
"""How the document of a guest shows that it has one already of what there is only one of."""

EXTRAS = {"vcpus": "<vcpu current='1'>4</vcpu>", "iothread": "<iothreads>1</iothreads>"}
"""What a guest can have that is no device: four vCPUs of which one is plugged in, an IOThread."""


def document(domain: Domain, *, stored: bool = False) -> Any:
    """The document of a guest: the one that counts now, or the stored one. Of any type, for the tests' ease."""
    return domain.config(inactive=stored)


def disks(domain: Domain, *, stored: bool = False) -> dict[str, Any]:
    """The disks in a guest's document, by target."""
    return {disk.target.dev: disk for disk in document(domain, stored=stored).devices.disks}


def interfaces(domain: Domain, *, stored: bool = False) -> dict[str, Any]:
    """The network cards in a guest's document, by address in lower case."""
    cards = document(domain, stored=stored).devices.interfaces
    return {str(card.mac.address).lower(): card for card in cards if card.mac is not None}


def parsed(connection: Connection, kind: str, text: str) -> Any:
    """A document that the hypervisor handed out, read; it passes the gate that documents of users pass."""
    from polyvisor import model

    return model.parse(kind, text, contributions=connection._invoker.documents.contributed)


@pytest.fixture
def kit(request: pytest.FixtureRequest, bench: Bench) -> Iterator[Kit]:
    """Devices to plug in, and guests that have them."""
    needs = [need for text in needs_of(request.node) for need in parse_need(text)]
    found = Kit(bench, {need.operation.name for need in needs})
    yield found
    found.close()
