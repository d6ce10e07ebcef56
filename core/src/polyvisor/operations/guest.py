"""Asking the operating system inside a guest, and telling it things.

Most of this goes through an agent in the guest. InvalidState says that the guest is not running or no agent is
connected, OperationTimeout that the agent does not answer, HypervisorError what it answered instead. What a guest
says is not to be trusted: drivers bound its size and check its shape.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from polyvisor.errors import HypervisorError, InvalidArgument, InvalidState, NoSuchDomain, OperationTimeout
from polyvisor.operations.declaration import operation
from polyvisor.operations.records import DomainRef
from polyvisor.operations.session import Session

_AGENT = (NoSuchDomain, InvalidState, OperationTimeout, HypervisorError)


class AddressSource(StrEnum):
    """Who is asked for a guest's addresses: the host's DHCP server, the agent, or the host's ARP table."""

    LEASE = "lease"
    AGENT = "agent"
    ARP = "arp"


@dataclass(frozen=True, slots=True)
class GuestAddress:
    """An address and its prefix length; ``family`` is ``ipv4`` or ``ipv6``."""

    family: str
    address: str
    prefix: int


@dataclass(frozen=True, slots=True)
class GuestInterface:
    """A network device: its name (in the guest for the agent, on the host for the others), MAC and addresses."""

    name: str
    mac: str | None = None
    addresses: tuple[GuestAddress, ...] = ()


@dataclass(frozen=True, slots=True)
class GuestFilesystem:
    """A mounted file system; sizes in bytes, None when the agent does not tell.

    ``devices`` are the targets (``vda``) of the disks it lies on, as far as they are known."""

    mountpoint: str
    name: str
    type: str
    devices: tuple[str, ...] = ()
    total: int | None = None
    used: int | None = None


class GuestInfoGroup(StrEnum):
    """Groups of ``guest_info``; the value is the first part of their names."""

    USERS = "user"
    OS = "os"
    TIMEZONE = "timezone"
    HOSTNAME = "hostname"
    FILESYSTEMS = "fs"
    DISKS = "disk"
    INTERFACES = "if"
    LOAD = "load"


@dataclass(frozen=True, slots=True)
class GuestVcpus:
    """CPUs as the guest's system numbers them: there, online, and able to go offline."""

    present: frozenset[int] = frozenset()
    online: frozenset[int] = frozenset()
    offlinable: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class GuestInfo:
    """Figures by libvirt's dotted names (``os.id``, ``user.0.name``, ``fs.1.mountpoint``, ``load.1m``)."""

    values: Mapping[str, int | float | bool | str] = field(default_factory=dict)


@operation(capability="guest.hostname", permission="domain:write", changes=True, raises=_AGENT)
def guest_hostname(session: Session, domain: DomainRef, *, source: AddressSource = AddressSource.AGENT) -> str:
    """The guest's name for itself, or with ``LEASE`` the one it told the DHCP server."""
    raise NotImplementedError


@operation(
    capability="guest.addresses",
    permission="domain:read",
    raises=_AGENT,
    extra_permissions={"source=agent": "domain:write"},
)
def guest_interfaces(
    session: Session, domain: DomainRef, *, source: AddressSource = AddressSource.LEASE
) -> list[GuestInterface]:
    """The network devices of a running guest and their addresses."""
    raise NotImplementedError


@operation(capability="guest.info", permission="domain:write", changes=True, raises=(*_AGENT, InvalidArgument))
def guest_info(
    session: Session, domain: DomainRef, *, groups: Collection[GuestInfoGroup] = (), enforce: bool = False
) -> GuestInfo:
    """What the agent tells of the guest's system; no groups means all that it knows.

    A group that the agent does not know is left out, or with ``enforce`` is an InvalidArgument."""
    raise NotImplementedError


@operation(capability="guest.fsinfo", permission="domain:fs_freeze", changes=True, raises=_AGENT)
def guest_filesystems(session: Session, domain: DomainRef) -> list[GuestFilesystem]:
    """The mounted file systems of a running guest."""
    raise NotImplementedError


@operation(capability="guest.fsfreeze", permission="domain:fs_freeze", changes=True, raises=_AGENT)
def freeze_filesystems(session: Session, domain: DomainRef, *, mountpoints: Sequence[str] = ()) -> int:
    """Flush and freeze these file systems, or all; returns how many are frozen. Until ``thaw_filesystems`` the
    guest's writes wait."""
    raise NotImplementedError


@operation(capability="guest.fsfreeze.thaw", permission="domain:fs_freeze", changes=True, raises=_AGENT)
def thaw_filesystems(session: Session, domain: DomainRef, *, mountpoints: Sequence[str] = ()) -> int:
    """Let these file systems, or all, take writes again; returns how many were thawed."""
    raise NotImplementedError


@operation(capability="guest.fstrim", permission="domain:fs_trim", changes=True, raises=(*_AGENT, InvalidArgument))
def trim_filesystems(session: Session, domain: DomainRef, *, mountpoint: str | None = None, minimum: int = 0) -> None:
    """Have the guest give unused blocks back to its disks; ranges shorter than ``minimum`` bytes are left.

    ``mountpoint`` picks one file system where the agent can."""
    raise NotImplementedError


@operation(capability="guest.time", permission="domain:write", changes=True, raises=_AGENT)
def guest_time(session: Session, domain: DomainRef) -> int:
    """The guest's clock: nanoseconds since the epoch, UTC."""
    raise NotImplementedError


@operation(capability="guest.time.set", permission="domain:set_time", changes=True, raises=(*_AGENT, InvalidArgument))
def set_guest_time(session: Session, domain: DomainRef, nanoseconds: int | None) -> None:
    """Set the guest's clock to nanoseconds since the epoch, UTC; None has it read its hardware clock."""
    raise NotImplementedError


@operation(
    capability="guest.password",
    permission="domain:set_password",
    changes=True,
    raises=(*_AGENT, InvalidArgument),
    secrets=("password",),
)
def set_guest_password(
    session: Session, domain: DomainRef, user: str, password: str, *, encrypted: bool = False
) -> None:
    """Set a user's password in the guest; ``encrypted`` says that it is already hashed as the guest stores it."""
    raise NotImplementedError


@operation(capability="guest.ssh-keys", permission="domain:write", changes=True, raises=_AGENT)
def guest_ssh_keys(session: Session, domain: DomainRef, user: str) -> list[str]:
    """The lines of the user's ``authorized_keys`` that hold keys."""
    raise NotImplementedError


@operation(capability="guest.ssh-keys.set", permission="domain:write", changes=True, raises=(*_AGENT, InvalidArgument))
def set_guest_ssh_keys(
    session: Session,
    domain: DomainRef,
    user: str,
    keys: Sequence[str],
    *,
    append: bool = False,
    remove: bool = False,
) -> None:
    """Make ``keys`` the user's authorized keys; ``append`` adds them, ``remove`` takes them out.

    InvalidArgument for both at once, or for what is not one line each."""
    raise NotImplementedError


@operation(capability="guest.vcpus", permission="domain:write", changes=True, raises=_AGENT)
def guest_vcpus(session: Session, domain: DomainRef) -> GuestVcpus:
    """The CPUs that the guest's system sees."""
    raise NotImplementedError


@operation(capability="guest.vcpus.set", permission="domain:write", changes=True, raises=(*_AGENT, InvalidArgument))
def set_guest_vcpus(session: Session, domain: DomainRef, vcpus: Collection[int], online: bool) -> None:
    """Have the guest's system take these CPUs online or offline; they stay plugged in."""
    raise NotImplementedError


@operation(
    capability="guest.agent-timeout",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument),
)
def set_agent_timeout(session: Session, domain: DomainRef, seconds: float | None) -> None:
    """How long calls that need the agent of this domain wait for it before they time out.

    0 asks without waiting, ``math.inf`` waits for ever, None is the driver's own choice again. It holds until the
    guest stops."""
    raise NotImplementedError
