"""Moving a running guest to another host.

Two ways, by what the hypervisor can do. ``migrate`` leaves everything to the source's hypervisor side: it reaches
the destination by itself. Or a client that holds a connection to both sides leads them through five steps, and
carries what one says to the other; a step belongs to the side it is marked with:

1. ``begin_migration`` (source): say what is to move.
2. ``prepare_migration`` (destination): make room and listen.
3. ``perform_migration`` (source): send the guest.
4. ``finish_migration`` (destination): take it up, or clear away.
5. ``confirm_migration`` (source): let go of it, or take it up again.

From step 2 on the guest runs on exactly one side at any moment, or on none while its last pages move; if the
client dies between steps, source and destination each end the migration when they see the other go. A cookie is
what a step tells the next one on the other side: opaque, at most 4 MiB.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from polyvisor.errors import (
    AlreadyExists,
    Busy,
    HostError,
    HypervisorError,
    InvalidArgument,
    InvalidDocument,
    InvalidState,
    NoSuchDomain,
    OperationCancelled,
    OperationTimeout,
    UnsupportedConfiguration,
)
from polyvisor.operations.consoles import Stream
from polyvisor.operations.declaration import operation
from polyvisor.operations.jobs import JobControl
from polyvisor.operations.records import DomainRef
from polyvisor.operations.session import Session

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain


@dataclass(frozen=True, slots=True)
class MigrationPlan:
    """How to migrate; every step is handed the same plan. A driver refuses what it does not know.

    :param live: the guest runs while its memory is copied.
    :param offline: move the configuration of a domain that is off.
    :param paused: leave the guest paused on the destination.
    :param persist: define the domain on the destination; ``persistent_xml`` is stored if given.
    :param undefine_source: undefine it on the source when it has gone.
    :param unsafe: do not refuse for disks whose caches may be stale on the destination.
    :param abort_on_error: give up when the guest meets an I/O error.
    :param name: name on the destination; None keeps it.
    :param xml: document for the destination, different in what the guest does not notice; None keeps it.
    :param uri: where the destination listens for the guest, as its hypervisor writes it; None lets it choose.
    :param listen_address: address the destination's hypervisor binds; empty lets it choose.
    :param bandwidth: bytes per second at most, 0 is unlimited; ``post_copy_bandwidth`` after the switch.
    :param downtime_ms: the longest the guest may stand still at the end, 0 for the hypervisor's default.
    :param disks: targets of disks to copy (``copy_storage``); empty is all that are neither shared nor read-only.
    :param disks_port: port, or ``disks_uri`` full address, for disks; 0 lets the destination choose.
    :param copy_storage: ``""``, ``"all"`` or ``"incremental"``.
    :param disk_synchronous_writes: the guest waits until both sides have its writes.
    :param compression: methods to compress memory with (``xbzrle``, ``zstd``, ``mt``, ...).
    :param connections: how many connections carry memory; 1 is not parallel.
    :param auto_converge: slow the guest down when it dirties memory faster than it is sent.
    :param post_copy: allow ``start_post_copy``; ``post_copy_resume`` goes on with one that was interrupted.
    :param pin_memory: lock all memory for RDMA before the start.
    :param zero_copy: send memory without copying it in the kernel.
    :param tls: encrypt what the hypervisors send each other; ``tls_destination`` is the name to expect in the
        destination's certificate.
    :param options: what only one hypervisor has, by its own names.
    """

    live: bool = True
    offline: bool = False
    paused: bool = False
    persist: bool = False
    undefine_source: bool = False
    unsafe: bool = False
    abort_on_error: bool = False
    name: str | None = None
    xml: str | None = None
    persistent_xml: str | None = None
    uri: str | None = None
    listen_address: str = ""
    bandwidth: int = 0
    post_copy_bandwidth: int = 0
    downtime_ms: int = 0
    copy_storage: str = ""
    disks: tuple[str, ...] = ()
    disks_port: int = 0
    disks_uri: str | None = None
    disk_synchronous_writes: bool = False
    compression: tuple[str, ...] = ()
    connections: int = 1
    auto_converge: bool = False
    post_copy: bool = False
    post_copy_resume: bool = False
    pin_memory: bool = False
    zero_copy: bool = False
    tls: bool = False
    tls_destination: str | None = None
    options: Mapping[str, int | float | bool | str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MigrationOffer:
    """What the source says at the start: the domain as it shall arrive, and a cookie."""

    config: Domain
    cookie: bytes = b""


@dataclass(frozen=True, slots=True)
class MigrationPlace:
    """Where the destination waits for the guest (``tcp:host:49152``), and a cookie.

    ``tunnel`` is set instead when the guest comes through the client's own connection: what is written into it
    reaches the hypervisor."""

    uri: str
    cookie: bytes = b""
    tunnel: Stream | None = None


@dataclass(frozen=True, slots=True)
class MigrationArrival:
    """The domain with its id on the destination, None when it did not arrive, and the cookie for the source."""

    domain: DomainRef | None
    cookie: bytes = b""


@operation(
    capability="migrate.whole",
    permission="domain:migrate",
    changes=True,
    raises=(
        NoSuchDomain,
        InvalidState,
        InvalidArgument,
        InvalidDocument,
        UnsupportedConfiguration,
        AlreadyExists,
        Busy,
        OperationCancelled,
        OperationTimeout,
        HostError,
        HypervisorError,
    ),
)
def migrate(
    session: Session,
    domain: DomainRef,
    destination: str,
    *,
    plan: MigrationPlan | None = None,
    job: JobControl | None = None,
) -> DomainRef:
    """Move the guest, leaving the whole to the hypervisor's side; returns the domain as the destination knows it.

    ``destination`` is a connection URI as the source host would open it, or an address in the hypervisor's own
    words. When it fails or is cancelled the guest runs on the source, unless it had switched to post-copy."""
    raise NotImplementedError


@operation(
    capability="migrate.begin",
    permission="domain:migrate",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, InvalidDocument, UnsupportedConfiguration, Busy),
)
def begin_migration(session: Session, domain: DomainRef, plan: MigrationPlan) -> MigrationOffer:
    """Source: check that the guest can move as planned, and say what the destination has to prepare.

    Raises UnsupportedConfiguration naming the device that keeps the guest here. From now on other changes to the
    domain wait, until ``confirm_migration``."""
    raise NotImplementedError


@operation(
    capability="migrate.prepare",
    permission=("domain:migrate", "domain:start", "domain:write"),
    changes=True,
    raises=(
        InvalidArgument,
        InvalidDocument,
        UnsupportedConfiguration,
        AlreadyExists,
        InvalidState,
        HostError,
        HypervisorError,
    ),
    documents={"config": "domain"},
)
def prepare_migration(
    session: Session, config: Domain | str | bytes, plan: MigrationPlan, cookie: bytes
) -> MigrationPlace:
    """Destination: start a hypervisor that waits for the guest of ``config``, and say where."""
    raise NotImplementedError


@operation(
    capability="migrate.tunnelled",
    permission=("domain:migrate", "domain:start", "domain:write"),
    changes=True,
    raises=(
        InvalidArgument,
        InvalidDocument,
        UnsupportedConfiguration,
        AlreadyExists,
        InvalidState,
        HostError,
        HypervisorError,
    ),
    documents={"config": "domain"},
)
def prepare_migration_tunnel(
    session: Session, config: Domain | str | bytes, plan: MigrationPlan, cookie: bytes
) -> MigrationPlace:
    """Destination: as ``prepare_migration``, but the guest comes through ``tunnel`` of the result."""
    raise NotImplementedError


@operation(
    capability="migrate.perform",
    permission="domain:migrate",
    changes=True,
    raises=(NoSuchDomain, InvalidState, Busy, OperationCancelled, OperationTimeout, HostError, HypervisorError),
)
def perform_migration(
    session: Session, domain: DomainRef, plan: MigrationPlan, place: MigrationPlace, *, job: JobControl | None = None
) -> bytes:
    """Source: send the guest to ``place`` and stop it here; returns the cookie for ``finish_migration``.

    When it fails or is cancelled, the guest stays paused until ``confirm_migration`` decides."""
    raise NotImplementedError


@operation(
    capability="migrate.finish",
    permission="domain:migrate",
    changes=True,
    raises=(NoSuchDomain, InvalidState, HypervisorError),
)
def finish_migration(
    session: Session, domain: DomainRef, plan: MigrationPlan, cookie: bytes, *, cancelled: bool = False
) -> MigrationArrival:
    """Destination: let the guest run here, or after ``cancelled`` clear away what was prepared.

    Raising counts as not arrived."""
    raise NotImplementedError


@operation(
    capability="migrate.confirm",
    permission="domain:migrate",
    changes=True,
    raises=(NoSuchDomain, InvalidState, HypervisorError),
)
def confirm_migration(
    session: Session, domain: DomainRef, plan: MigrationPlan, cookie: bytes, *, cancelled: bool = False
) -> None:
    """Source: remove the guest that has arrived elsewhere, or after ``cancelled`` let it go on here."""
    raise NotImplementedError


@operation(
    capability="migrate.downtime", permission="domain:migrate", changes=True, raises=(NoSuchDomain, InvalidState)
)
def migration_downtime(session: Session, domain: DomainRef) -> int:
    """Milliseconds that the guest may stand still at the end of a migration."""
    raise NotImplementedError


@operation(
    capability="migrate.downtime.set",
    permission="domain:migrate",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, HypervisorError),
)
def set_migration_downtime(session: Session, domain: DomainRef, milliseconds: int) -> None:
    """Let the guest stand still for so long at the end; may be changed while it migrates."""
    raise NotImplementedError


@operation(
    capability="migrate.compression",
    permission="domain:migrate",
    changes=True,
    raises=(NoSuchDomain, InvalidState),
)
def migration_compression_cache(session: Session, domain: DomainRef) -> int:
    """Bytes of the cache in which repeatedly sent pages are compressed."""
    raise NotImplementedError


@operation(
    capability="migrate.compression.set",
    permission="domain:migrate",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, HypervisorError),
)
def set_migration_compression_cache(session: Session, domain: DomainRef, size: int) -> None:
    """Make that cache ``size`` bytes large; the hypervisor may round to a power of two."""
    raise NotImplementedError


@operation(
    capability="migrate.speed",
    permission="domain:migrate",
    changes=True,
    raises=(NoSuchDomain, InvalidState),
)
def migration_speed(session: Session, domain: DomainRef, *, post_copy: bool = False) -> int:
    """Bytes per second that a migration may send, or with ``post_copy`` may send after the switch; 0 is unlimited."""
    raise NotImplementedError


@operation(
    capability="migrate.speed.set",
    permission="domain:migrate",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, HypervisorError),
)
def set_migration_speed(session: Session, domain: DomainRef, bandwidth: int, *, post_copy: bool = False) -> None:
    """Let a migration send ``bandwidth`` bytes per second; may be changed while it runs."""
    raise NotImplementedError


@operation(
    capability="migrate.post-copy",
    permission="domain:migrate",
    changes=True,
    raises=(NoSuchDomain, InvalidState, HypervisorError),
)
def start_post_copy(session: Session, domain: DomainRef) -> None:
    """Switch the migration at work to post-copy: the guest runs on the destination and fetches pages it misses.

    The plan must have allowed it. From here on a broken connection leaves the guest on neither side."""
    raise NotImplementedError
