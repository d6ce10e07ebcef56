"""Talking to a guest over its consoles, channels and displays."""

from __future__ import annotations

from types import TracebackType
from typing import Protocol, Self

from polyvisor.errors import Busy, HypervisorError, InvalidState, NoSuchDevice, NoSuchDomain
from polyvisor.operations.declaration import operation
from polyvisor.operations.records import DomainRef
from polyvisor.operations.session import Session


class Stream(Protocol):
    """Bytes to and from a guest's device.

    Any number of streams may be open on one device at a time, in this process and in others: each reads
    everything that arrives after it was opened, and none takes bytes away from another. What they write is
    merged in order of writing. A stream is for one reader and one writer thread; ``close`` may come from any.
    """

    def fileno(self) -> int:
        """A file descriptor that is readable (``select``, ``poll``) when ``read`` would not block."""

    def read(self, size: int = 65536) -> bytes:
        """Between 1 and ``size`` bytes as soon as there are any; ``b""`` once the guest or the device is gone.

        Raises ValueError after ``close``."""

    def write(self, data: bytes) -> int:
        """Send ``data``, waiting while the guest does not read; returns how many bytes were taken, at least one.

        Raises HypervisorError when the guest or the device is gone, ValueError after ``close``."""

    def close(self) -> None:
        """Stop reading and writing; the device and other streams on it stay. Closing again does nothing."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None, /
    ) -> None: ...


@operation(
    capability="console.open",
    permission="domain:open_device",
    changes=True,
    raises=(NoSuchDomain, InvalidState, NoSuchDevice, Busy, HypervisorError),
)
def open_console(
    session: Session,
    domain: DomainRef,
    *,
    device: str | None = None,
    force: bool = False,
    safe: bool = False,
    replay: int = 0,
) -> Stream:
    """Open a console or serial port of a running guest.

    ``device`` is its alias (``serial0``); None means the first console, else the first serial port. ``replay``
    asks for up to so many bytes of earlier output first, where the hypervisor keeps it. ``force`` cuts off
    others where the hypervisor cannot serve several; ``safe`` refuses unless it keeps them apart. Raises
    InvalidState when the guest is not running, Busy when somebody has the device and it cannot be shared."""
    raise NotImplementedError


@operation(
    capability="channel.open",
    permission="domain:open_device",
    changes=True,
    raises=(NoSuchDomain, InvalidState, NoSuchDevice, Busy, HypervisorError),
)
def open_channel(session: Session, domain: DomainRef, *, name: str | None = None, force: bool = False) -> Stream:
    """Open a paravirtual channel of a running guest.

    ``name`` is the channel's target name (``org.example.port``) or its alias; None means the first one."""
    raise NotImplementedError


@operation(
    capability="graphics.open",
    permission="domain:open_graphics",
    changes=True,
    raises=(NoSuchDomain, InvalidState, NoSuchDevice, HypervisorError),
)
def open_graphics(session: Session, domain: DomainRef, *, index: int = 0, skip_auth: bool = False) -> Stream:
    """Connect to the graphics server of a running guest, whatever address it listens on.

    ``index`` counts the ``<graphics>`` of the domain from 0. The stream speaks the server's protocol (VNC,
    SPICE); each call is a connection of its own. ``skip_auth`` asks the server not to ask for a password."""
    raise NotImplementedError
