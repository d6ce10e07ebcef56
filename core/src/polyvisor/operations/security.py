"""How a guest is confined on the host, and shielded from it."""

from __future__ import annotations

from dataclasses import dataclass

from polyvisor.errors import (
    HypervisorError,
    InvalidArgument,
    InvalidState,
    NoSuchDomain,
    UnsupportedConfiguration,
)
from polyvisor.operations.declaration import operation
from polyvisor.operations.records import DomainRef
from polyvisor.operations.session import Session


@dataclass(frozen=True, slots=True)
class SecurityLabel:
    """The label that a running guest's process bears under one model (``selinux``, ``apparmor``, ``dac``).

    ``enforcing`` False means that the host only logs what the label forbids."""

    model: str
    label: str
    enforcing: bool


@operation(capability="security.label", permission="domain:read", raises=(NoSuchDomain, InvalidState))
def security_labels(session: Session, domain: DomainRef) -> list[SecurityLabel]:
    """The labels of a running guest, one for each model in force."""
    raise NotImplementedError


@operation(
    capability="launchsec.info",
    permission="domain:read",
    raises=(NoSuchDomain, InvalidState, UnsupportedConfiguration, HypervisorError),
)
def launch_security(session: Session, domain: DomainRef) -> dict[str, int | str]:
    """What proves to the guest's owner what was launched, by libvirt's names (``sev-measurement``,
    ``sev-api-major``, ``sev-policy``, ...).

    UnsupportedConfiguration for a guest without ``<launchSecurity>``."""
    raise NotImplementedError


@operation(
    capability="launchsec.state",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidArgument, UnsupportedConfiguration, HypervisorError),
    secrets=("secret", "header"),
)
def set_launch_security_secret(
    session: Session, domain: DomainRef, secret: str, header: str, *, address: int | None = None
) -> None:
    """Inject a secret, which the owner encrypted for this launch, into a paused SEV guest.

    ``secret`` and ``header`` are base64; ``address`` is where in guest memory, None is where its firmware says."""
    raise NotImplementedError
