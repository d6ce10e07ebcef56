"""Keys, interrupts and signals into a guest."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from polyvisor.errors import HypervisorError, InvalidArgument, InvalidState, NoSuchDevice, NoSuchDomain
from polyvisor.operations.declaration import operation
from polyvisor.operations.records import DomainRef
from polyvisor.operations.session import Session


class Codeset(StrEnum):
    """Ways to number keys, by the names of ``virsh send-key --codeset``."""

    LINUX = "linux"
    XT = "xt"
    ATSET1 = "atset1"
    ATSET2 = "atset2"
    ATSET3 = "atset3"
    OSX = "os_x"
    XT_KBD = "xt_kbd"
    USB = "usb"
    WIN32 = "win32"
    QNUM = "qnum"


@operation(
    capability="input.send-key",
    permission="domain:send_input",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, NoSuchDevice, HypervisorError),
)
def send_key(
    session: Session,
    domain: DomainRef,
    keycodes: Sequence[int],
    *,
    codeset: Codeset = Codeset.LINUX,
    hold_ms: int = 0,
) -> None:
    """Press these keys (at most 16) of a running guest together, and release them after ``hold_ms``.

    0 is the hypervisor's choice of time. Raises InvalidArgument for numbers that are no keys, and for a codeset that
    the driver cannot translate; Linux's, which is the default, every driver can."""
    raise NotImplementedError


@operation(
    capability="input.nmi",
    permission="domain:inject_nmi",
    changes=True,
    raises=(NoSuchDomain, InvalidState, HypervisorError),
)
def inject_nmi(session: Session, domain: DomainRef) -> None:
    """Interrupt a running guest in the way that it cannot mask; most systems then write a crash dump."""
    raise NotImplementedError


@operation(
    capability="input.signal",
    permission="domain:send_signal",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, HypervisorError),
)
def send_signal(session: Session, domain: DomainRef, pid: int, signal: str) -> None:
    """Send a signal to a process of a running guest (a container).

    ``pid`` is the guest's number for it, 1 its first process, negative a process group; ``signal`` a name in
    lower case without ``sig`` (``term``, ``hup``, ``rt3``)."""
    raise NotImplementedError
