"""Title, description and custom XML of a guest.

The description is VMware's own (``annotation``); for the other two there is a place in ``extraConfig``.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from polyvisor.errors import InvalidArgument, InvalidDocument, InvalidState, NoSuchMetadata, PolyvisorError
from polyvisor.operations.configuration import MetadataKind
from polyvisor.spi import Affect, DomainRef, Event, EventKind
from polyvisor_esx import extraconfig
from polyvisor_esx.guests import STATE, state_of
from polyvisor_esx.session import EsxSession

if TYPE_CHECKING:
    from polyvisor.documents.verbatim import Verbatim
    from polyvisor.model.domain import Domain

log = logging.getLogger(__name__)


def kept(extra: Mapping[str, str]) -> Verbatim | None:
    """The custom XML among a guest's extra settings: an element for each namespace, by namespace in JSON."""
    written = extra.get(extraconfig.METADATA)
    if written is None:
        return None
    from polyvisor.documents.verbatim import Verbatim

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


def get(session: EsxSession, domain: DomainRef, kind: MetadataKind, uri: str | None, affect: Affect) -> str:
    """One piece of metadata. Raises NoSuchMetadata."""
    kind = MetadataKind(kind)
    machine, row = session.read(domain, (*STATE, "config.annotation", "config.extraConfig"))
    require_live(domain, affect, active=state_of(session, machine, row).state.active)
    extra = extraconfig.values(row.get("config.extraConfig"))
    match kind:
        case MetadataKind.TITLE:
            found = extra.get(extraconfig.TITLE)
        case MetadataKind.DESCRIPTION:
            found = row.get("config.annotation")
        case _:
            metadata, namespace = kept(extra), _namespace(uri)
            found = metadata.get(namespace) if metadata is not None else None
    if not found:
        what = f"metadata of namespace {uri}" if kind is MetadataKind.ELEMENT else kind.value
        raise NoSuchMetadata(f"{domain} has no {what}", target=str(domain), driver="esx")
    return str(found)


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
    from pyVmomi import vim

    kind = MetadataKind(kind)
    machine, row = session.read(domain, (*STATE, "config.extraConfig"))
    require_live(domain, affect, active=state_of(session, machine, row).state.active)
    spec = vim.vm.ConfigSpec()
    match kind:
        case MetadataKind.TITLE:
            if value is not None and "\n" in value:
                raise InvalidDocument("a title is one line", driver="esx", hint="use the description for more")
            spec.extraConfig = extraconfig.options({extraconfig.TITLE: value})
        case MetadataKind.DESCRIPTION:
            spec.annotation = value or ""
        case _:
            extra = extraconfig.values(row.get("config.extraConfig"))
            spec.extraConfig = extraconfig.options({extraconfig.METADATA: _with(kept(extra), value, uri, key)})
    session.wait(machine.ReconfigVM_Task(spec=spec))
    session.tell(Event(EventKind.METADATA_CHANGE, domain, data={"type": kind.value, "uri": uri}))


def _with(metadata: Verbatim | None, value: str | None, uri: str | None, key: str | None) -> str | None:
    from polyvisor.documents.verbatim import Verbatim

    held = metadata or Verbatim()
    namespace = _namespace(uri)
    if value is None:
        held.remove(namespace)
    else:
        held.set(namespace, value, prefix=key)
    return _text(held)


def _namespace(uri: str | None) -> str:
    if not uri:
        raise InvalidArgument("custom metadata is found by its namespace", driver="esx", hint="give uri")
    return uri


def require_live(domain: DomainRef, affect: Affect, *, active: bool) -> None:
    """VMware's one configuration is the stored and the live one; there is no live one of a guest that is off."""
    if Affect(affect) in (Affect.LIVE, Affect.BOTH) and not active:
        raise InvalidState(f"{domain} is not running", target=str(domain), driver="esx")
