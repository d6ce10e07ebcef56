"""Starting, stopping and pausing guests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from polyvisor.errors import (
    AlreadyExists,
    Busy,
    HypervisorError,
    InvalidArgument,
    InvalidDocument,
    InvalidState,
    NoSuchDomain,
    OperationTimeout,
    UnsupportedConfiguration,
)
from polyvisor.operations.declaration import STORES, operation
from polyvisor.operations.records import Affect, DomainRef
from polyvisor.operations.session import Session

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain


class ShutdownMode(StrEnum):
    """Ways to ask a guest to stop or reboot."""

    ACPI = "acpi"
    AGENT = "agent"
    INITCTL = "initctl"
    SIGNAL = "signal"
    PARAVIRT = "paravirt"


class SuspendTarget(StrEnum):
    """Power states a guest or a host can be sent into."""

    MEMORY = "mem"
    DISK = "disk"
    HYBRID = "hybrid"


@operation(
    capability="domain.create-transient",
    permission=("domain:write", "domain:start"),
    changes=True,
    raises=(InvalidDocument, UnsupportedConfiguration, AlreadyExists, HypervisorError),
    documents={"config": "domain"},
)
def create(
    session: Session,
    config: Domain | str | bytes,
    *,
    paused: bool = False,
    autodestroy: bool = False,
    fds: Sequence[int] = (),
) -> DomainRef:
    """Start a guest from its document without storing it; it is gone when it stops.

    If a domain of the same name and UUID is defined and off, that one is started with this configuration.
    ``autodestroy`` ties the guest to this connection: it is destroyed when the connection closes. ``fds`` are
    passed to the guest's first process (containers)."""
    raise NotImplementedError


@operation(
    capability="domain.create-with-fds",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidArgument),
)
def associate_fds(
    session: Session, domain: DomainRef, name: str, fds: Sequence[int], *, restore_permissions: bool = False
) -> None:
    """Give the domain a named group of open file descriptors, for disks of ``<source fdgroup='name'>``.

    They are the connection's and go with it. ``restore_permissions`` puts labels and owners back when it closes.
    Raises InvalidArgument for a group without a name or without a descriptor, and for what is no open descriptor."""
    raise NotImplementedError


@operation(
    capability="domain.start",
    permission="domain:start",
    changes=True,
    raises=(NoSuchDomain, InvalidState, UnsupportedConfiguration, HypervisorError),
)
def start(
    session: Session,
    domain: DomainRef,
    *,
    paused: bool = False,
    autodestroy: bool = False,
    bypass_cache: bool = False,
    force_boot: bool = False,
    reset_nvram: bool = False,
    fds: Sequence[int] = (),
) -> DomainRef:
    """Boot a defined guest, from its managed save image if it has one; returns when the hypervisor runs it.

    The result carries the new id. ``paused`` leaves the vCPUs stopped; ``force_boot`` throws the managed save
    image away; ``reset_nvram`` starts from the firmware's template of variables."""
    raise NotImplementedError


@operation(
    capability="domain.shutdown",
    permission="domain:init_control",
    changes=True,
    raises=(NoSuchDomain, InvalidState, OperationTimeout),
)
def shutdown(session: Session, domain: DomainRef, *, modes: Sequence[ShutdownMode] = ()) -> None:
    """Ask the guest to shut itself down; returns when it was asked, not when it is off.

    ``modes`` are tried in the driver's order; empty means the driver's choice. The guest may ignore it: wait
    for the lifecycle event, or use ``destroy``."""
    raise NotImplementedError


@operation(
    capability="domain.reboot",
    permission="domain:init_control",
    changes=True,
    raises=(NoSuchDomain, InvalidState, OperationTimeout),
)
def reboot(session: Session, domain: DomainRef, *, modes: Sequence[ShutdownMode] = ()) -> None:
    """Ask the guest to reboot itself; returns when it was asked."""
    raise NotImplementedError


@operation(capability="domain.reset", permission="domain:reset", changes=True, raises=(NoSuchDomain, InvalidState))
def reset(session: Session, domain: DomainRef) -> None:
    """Press the reset button: the guest restarts at once, unsaved data is lost."""
    raise NotImplementedError


@operation(
    capability="domain.destroy",
    permission="domain:stop",
    changes=True,
    raises=(NoSuchDomain, InvalidState, Busy, OperationTimeout),
)
def destroy(session: Session, domain: DomainRef, *, graceful: bool = False, remove_logs: bool = False) -> None:
    """Pull the plug; when this returns no process of the guest is left.

    ``graceful`` lets the hypervisor flush what it holds and refuses, with Busy, to kill what does not end in
    time. A transient domain is gone afterwards."""
    raise NotImplementedError


@operation(capability="domain.suspend", permission="domain:suspend", changes=True, raises=(NoSuchDomain, InvalidState))
def suspend(session: Session, domain: DomainRef) -> None:
    """Stop the vCPUs; memory stays. A paused domain stays paused."""
    raise NotImplementedError


@operation(capability="domain.resume", permission="domain:suspend", changes=True, raises=(NoSuchDomain, InvalidState))
def resume(session: Session, domain: DomainRef) -> None:
    """Let the vCPUs of a paused domain go on. A running domain stays running."""
    raise NotImplementedError


@operation(
    capability="domain.pm-suspend", permission="domain:pm_control", changes=True, raises=(NoSuchDomain, InvalidState)
)
def pm_suspend(session: Session, domain: DomainRef, target: SuspendTarget, *, seconds: int = 0) -> None:
    """Ask the guest's operating system to sleep; ``seconds`` > 0 wakes it after that time."""
    raise NotImplementedError


@operation(
    capability="domain.pm-wakeup", permission="domain:pm_control", changes=True, raises=(NoSuchDomain, InvalidState)
)
def pm_wakeup(session: Session, domain: DomainRef) -> None:
    """Wake a guest that sleeps by ``pm_suspend``."""
    raise NotImplementedError


@operation(
    capability="domain.lifecycle-action",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument),
    extra_permissions=STORES,
)
def set_lifecycle_action(
    session: Session, domain: DomainRef, event: str, action: str, *, affect: Affect = Affect.CURRENT
) -> None:
    """Change what happens on ``poweroff``, ``reboot`` or ``crash``; actions are those of ``<on_poweroff>`` etc."""
    raise NotImplementedError


@operation(
    capability="domain.qemu-attach",
    permission=("domain:start", "domain:write"),
    changes=True,
    raises=(HypervisorError, InvalidState),
)
def adopt(session: Session, pid: int, *, hints: Mapping[str, str] | None = None) -> DomainRef:
    """Take over a guest process that was not started by this driver."""
    raise NotImplementedError
