"""Title, description and custom XML of a guest.

The description is VMware's own (``annotation``); for the other two there is a place in ``extraConfig``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from polyvisor.errors import InvalidState, PolyvisorError
from polyvisor.operations.configuration import MetadataKind
from polyvisor.operations.metadata import read_metadata, write_metadata
from polyvisor.spi import Affect, DomainRef, Event, EventKind
from polyvisor_esx import extraconfig
from polyvisor_esx.guests import STATE, state_of
from polyvisor_esx.session import EsxSession

if TYPE_CHECKING:
    from polyvisor.documents import Verbatim
    from polyvisor.model.domain import Domain

log = logging.getLogger(__name__)


def kept(extra: Mapping[str, str]) -> Verbatim | None:
    """The custom XML among a guest's extra settings: an element for each namespace, by namespace in JSON."""
    written = extra.get(extraconfig.METADATA)
    if written is None:
        return None
    from polyvisor.documents import Verbatim

    held = Verbatim()
    try:
        for namespace, element in json.loads(written).items():
            held.set(namespace, element)
    except (ValueError, AttributeError, TypeError, PolyvisorError) as error:
        log.warning("what %s holds is no custom metadata and is left out: %s", extraconfig.METADATA, error)
    return held or None


def _text(metadata: Verbatim | None) -> str | None:
    if not metadata:
        return None
    return json.dumps({namespace: metadata.get(namespace) for namespace in metadata.namespaces()})


def options_of(config: Domain) -> dict[str, str | None]:
    """What a new guest's document has for ``extraConfig``."""
    wanted = {extraconfig.TITLE: config.title, extraconfig.METADATA: _text(config.metadata)}
    return {key: value for key, value in wanted.items() if value}


@dataclass(slots=True)
class _Described:
    """What a guest is described with, from where VMware keeps it."""

    title: str | None
    description: str | None
    metadata: Verbatim | None

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> _Described:
        extra = extraconfig.values(row.get("config.extraConfig"))
        return cls(extra.get(extraconfig.TITLE), row.get("config.annotation"), kept(extra))

    def spec(self, kind: MetadataKind) -> Any:
        """The change of a guest's configuration that puts one kind there."""
        from pyVmomi import vim

        if kind is MetadataKind.DESCRIPTION:
            return vim.vm.ConfigSpec(annotation=self.description or "")
        wanted = (
            {extraconfig.TITLE: self.title}
            if kind is MetadataKind.TITLE
            else {extraconfig.METADATA: _text(self.metadata)}
        )
        return vim.vm.ConfigSpec(extraConfig=extraconfig.options(wanted))


_KEPT = ("config.annotation", "config.extraConfig")


def get(session: EsxSession, domain: DomainRef, kind: MetadataKind, uri: str | None, affect: Affect) -> str:
    """One piece of metadata. Raises NoSuchMetadata."""
    machine, row = session.read(domain, (*STATE, *_KEPT))
    require_live(domain, affect, active=state_of(session, machine, row).state.active)
    return read_metadata(domain, _Described.of(row), kind, uri)


def put(
    session: EsxSession,
    domain: DomainRef,
    kind: MetadataKind,
    value: str | None,
    uri: str | None,
    key: str | None,
    affect: Affect,
) -> None:
    """Set or remove one piece of metadata."""
    kind = MetadataKind(kind)
    machine, row = session.read(domain, (*STATE, *_KEPT))
    require_live(domain, affect, active=state_of(session, machine, row).state.active)
    described = _Described.of(row)
    write_metadata(described, kind, value, uri=uri, key=key)
    session.wait(machine.ReconfigVM_Task(spec=described.spec(kind)))
    session.tell(Event(EventKind.METADATA_CHANGE, domain, data={"type": kind.value, "uri": uri}))


def require_live(domain: DomainRef, affect: Affect, *, active: bool) -> None:
    """VMware's one configuration is the stored and the live one; there is no live one of a guest that is off."""
    if Affect(affect) in (Affect.LIVE, Affect.BOTH) and not active:
        raise InvalidState(f"{domain} is not running", target=str(domain), driver="esx")
