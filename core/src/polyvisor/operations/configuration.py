"""The stored configuration of domains."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from polyvisor.errors import (
    AlreadyExists,
    InvalidArgument,
    InvalidDocument,
    InvalidState,
    NoSuchDomain,
    NoSuchMetadata,
    UnsupportedConfiguration,
)
from polyvisor.operations.declaration import STORES, operation
from polyvisor.operations.records import Affect, DomainRef
from polyvisor.operations.session import Session

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain


class MetadataKind(StrEnum):
    """The kinds of metadata; ``ELEMENT`` is custom XML under a namespace of the caller's."""

    DESCRIPTION = "description"
    TITLE = "title"
    ELEMENT = "element"


@operation(
    capability="domain.define",
    permission=("domain:write", "domain:save"),
    changes=True,
    raises=(InvalidDocument, UnsupportedConfiguration, AlreadyExists),
    documents={"config": "domain"},
)
def define(session: Session, config: Domain | str | bytes) -> DomainRef:
    """Store a domain, or replace the stored configuration of the one with the same UUID.

    Raises AlreadyExists when the name belongs to another UUID. A running domain keeps running as it is; the new
    configuration counts from its next start. The driver is handed a validated, completed model object."""
    raise NotImplementedError


@operation(
    capability="domain.undefine",
    permission="domain:delete",
    changes=True,
    raises=(NoSuchDomain, InvalidState),
)
def undefine(
    session: Session,
    domain: DomainRef,
    *,
    managed_save: bool = False,
    snapshots_metadata: bool = False,
    checkpoints_metadata: bool = False,
    nvram: bool | None = None,
    tpm: bool | None = None,
) -> None:
    """Forget the stored configuration; a running domain becomes transient and runs on.

    Refused with InvalidState while the domain has a managed save image, snapshots or checkpoints unless the
    option says to remove them too. ``nvram`` and ``tpm``: True removes the guest's variables or TPM state,
    False keeps them, None refuses if there are any (nvram) or follows the document (tpm)."""
    raise NotImplementedError


@operation(
    capability="domain.xml",
    permission="domain:read",
    raises=(NoSuchDomain,),
    extra_permissions={"secure": "domain:read_secure", "migratable": "domain:read_secure"},
)
def domain_config(
    session: Session,
    domain: DomainRef,
    *,
    inactive: bool = False,
    secure: bool = False,
    migratable: bool = False,
    update_cpu: bool = False,
) -> Domain:
    """The domain's document, as a model object: the live one of a running domain unless ``inactive``.

    ``secure`` includes passwords, ``migratable`` leaves out what another host cannot know, ``update_cpu`` spells
    out the CPU that the host would give."""
    raise NotImplementedError


@operation(
    capability="domain.rename",
    permission=("domain:write", "domain:save"),
    changes=True,
    raises=(NoSuchDomain, AlreadyExists, InvalidState, InvalidArgument),
    checks={"name": "polyvisor.model.domain.naming:require_name"},
)
def rename(session: Session, domain: DomainRef, name: str) -> DomainRef:
    """Give an inactive domain another name; all or nothing. InvalidArgument for what no document could name."""
    raise NotImplementedError


@operation(
    capability="domain.metadata",
    permission="domain:read",
    raises=(NoSuchDomain, NoSuchMetadata, InvalidState),
)
def metadata(
    session: Session,
    domain: DomainRef,
    kind: MetadataKind,
    *,
    uri: str | None = None,
    affect: Affect = Affect.CURRENT,
) -> str:
    """The title, the description, or the custom XML element of namespace ``uri``."""
    raise NotImplementedError


@operation(
    capability="domain.metadata.set",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidDocument),
    extra_permissions=STORES,
)
def set_metadata(
    session: Session,
    domain: DomainRef,
    kind: MetadataKind,
    value: str | None,
    *,
    uri: str | None = None,
    key: str | None = None,
    affect: Affect = Affect.CURRENT,
) -> None:
    """Set, or with None remove, a piece of metadata; ``key`` is the prefix written for namespace ``uri``."""
    raise NotImplementedError


@operation(capability="domain.autostart", permission="domain:read", raises=(NoSuchDomain,))
def autostart(session: Session, domain: DomainRef) -> bool:
    """Whether the domain is started when the host comes up."""
    raise NotImplementedError


@operation(
    capability="domain.autostart.set", permission="domain:write", changes=True, raises=(NoSuchDomain, InvalidState)
)
def set_autostart(session: Session, domain: DomainRef, enabled: bool) -> None:
    """Start the domain when the host comes up, or no longer. InvalidState for a transient domain."""
    raise NotImplementedError


@operation(capability="domain.autostart-once", permission="domain:read", raises=(NoSuchDomain,))
def autostart_once(session: Session, domain: DomainRef) -> bool:
    """Whether the domain is started at the next boot of the host only."""
    raise NotImplementedError


@operation(
    capability="domain.autostart-once.set",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState),
)
def set_autostart_once(session: Session, domain: DomainRef, enabled: bool) -> None:
    """Start the domain at the next boot of the host, once."""
    raise NotImplementedError
