"""Opening a connection and asking about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from polyvisor.errors import ConnectFailed, InvalidURI
from polyvisor.operations.declaration import operation
from polyvisor.operations.session import ConnectContext, Session
from polyvisor.uri import URI


@dataclass(frozen=True, slots=True)
class Version:
    """A version as numbers, printed with dots. ``text`` keeps what the product calls itself, if it says more."""

    major: int
    minor: int = 0
    micro: int = 0
    text: str = ""

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.micro}"


@dataclass(frozen=True, slots=True)
class Security:
    """How the way to the hypervisor is protected."""

    encrypted: bool
    secure: bool


@operation(capability="connect.open", permission="connect:getattr", raises=(ConnectFailed, InvalidURI))
def connect(uri: URI, context: ConnectContext) -> Session:
    """Open a session on ``uri``.

    Raises InvalidURI if the driver serves the scheme but not this URI, ConnectFailed if the hypervisor cannot
    be reached. Guests are not touched."""
    raise NotImplementedError


@operation(capability="connect.uri-probe", permission="connect:getattr")
def probe_uri() -> str:
    """The URI this driver would serve on this host when the user names none; empty when its hypervisor is absent.

    Must be quick: look for a file or a socket, start nothing."""
    raise NotImplementedError


@operation(capability="connect.identity", permission="connect:write", changes=True)
def set_identity(session: Session, identity: dict[str, str]) -> None:
    """Act on behalf of somebody else; keys are ``user-name``, ``unix-user-id``, ``x509-distinguished-name``, ..."""
    raise NotImplementedError


@operation(capability="connect.features", permission="connect:getattr")
def has_feature(session: Session, feature: str) -> bool:
    """Whether the hypervisor side has a feature that no operation of its own shows (``"remote-peer-to-peer"``)."""
    raise NotImplementedError


@operation(capability="connect.type", permission="connect:getattr")
def hypervisor_type(session: Session) -> str:
    """The hypervisor's name as libvirt writes it (``"QEMU"``, ``"Xen"``, ``"TEST"``)."""
    raise NotImplementedError


@operation(capability="connect.version", permission="connect:getattr")
def version(session: Session) -> Version:
    """Version of the hypervisor that serves this connection."""
    raise NotImplementedError


@operation(capability="connect.secure", permission="connect:getattr")
def security(session: Session) -> Security:
    """Whether traffic to the hypervisor is encrypted, and whether it is safe from others on its way
    (encrypted, or never leaving this host)."""
    raise NotImplementedError


@operation(capability="connect.alive", permission="connect:getattr")
def alive(session: Session) -> bool:
    """Whether the hypervisor still answers. Asks it; never a constant."""
    raise NotImplementedError


@operation(capability="connect.close-event", permission="connect:getattr")
def watch_close(session: Session, callback: Callable[[str], None] | None) -> None:
    """Call ``callback`` with the reason when the other side ends the connection; None stops that."""
    raise NotImplementedError
