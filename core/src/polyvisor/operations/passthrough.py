"""Speaking to one hypervisor in its own words.

Nothing here is portable, and what is changed in this way the manager does not know about: a last resort, for
which a domain is marked as tainted.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from polyvisor.errors import HypervisorError, InvalidArgument, InvalidState, NoSuchDomain, OperationTimeout
from polyvisor.operations.declaration import operation
from polyvisor.operations.records import DomainRef
from polyvisor.operations.session import Session


@dataclass(frozen=True, slots=True)
class MonitorEvent:
    """An event as the hypervisor's monitor sent it; ``when`` is seconds since the epoch, ``data`` its JSON."""

    domain: DomainRef
    event: str
    when: float
    data: Mapping[str, Any] = field(default_factory=dict)


@operation(
    capability="qemu.monitor",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, OperationTimeout, HypervisorError),
)
def monitor_command(
    session: Session, domain: DomainRef, command: str, *, human: bool = False, fds: Sequence[int] = ()
) -> str:
    """Send a command to a running guest's QEMU monitor; returns the answer's text.

    ``command`` is QMP's JSON object, and the answer too, errors of the command included; with ``human`` it is a
    line for the human monitor. ``fds`` are handed over with the command."""
    raise NotImplementedError


@operation(
    capability="qemu.agent",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, OperationTimeout, HypervisorError),
)
def agent_command(session: Session, domain: DomainRef, command: str, *, timeout: float | None = None) -> str:
    """Send a command, a JSON object, to the agent of a running guest; returns its answer's JSON.

    ``timeout`` in seconds; 0 does not wait for the answer and returns an empty text, ``math.inf`` waits for ever,
    None is what ``set_agent_timeout`` set."""
    raise NotImplementedError


@operation(
    capability="qemu.monitor-event",
    permission="connect:write",
    changes=True,
    raises=(NoSuchDomain, InvalidArgument),
)
def watch_monitor_events(
    session: Session,
    callback: Callable[[MonitorEvent], None] | None,
    *,
    watched: DomainRef | None = None,
    pattern: str | None = None,
) -> None:
    """Call ``callback`` for events of the monitor of one domain, or of all; None stops that.

    ``pattern`` is a regular expression that the whole name of the event must match. Calls come from a thread of
    the driver's and must not take long."""
    raise NotImplementedError


@operation(
    capability="lxc.namespace",
    permission="domain:open_namespace",
    changes=True,
    raises=(NoSuchDomain, InvalidState),
)
def open_namespaces(session: Session, domain: DomainRef) -> list[int]:
    """File descriptors of a running container's namespaces, for ``setns``; the caller closes them."""
    raise NotImplementedError
