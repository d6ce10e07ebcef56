"""What the hosts of a connection's part of the inventory have: datastores, networks, and the systems that manage them.

Each question is one request, however many hosts there are.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from pyVmomi import vim

from polyvisor_esx.inventory import Place, only
from polyvisor_esx.properties import Row, of_related
from polyvisor_esx.session import EsxSession

RELATED = {vim.Datastore: "datastore", vim.Network: "network", vim.dvs.DistributedVirtualPortgroup: "network"}
"""Class of an object -> the property in which hosts and clusters name theirs."""


def attached(session: EsxSession, kind: Any, paths: Sequence[str]) -> dict[Any, Row]:
    """Properties of the objects of ``kind`` that the hosts of this connection can use."""
    scope = session.place.reference
    if not isinstance(scope, vim.ComputeResource | vim.HostSystem):
        return session.properties(kind, paths)
    found = of_related(session.content.propertyCollector, kind, paths, scope, RELATED[kind])
    return {ref: row for ref, row in found.items() if isinstance(ref, kind)}


def systems(session: EsxSession, system: str, kind: Any, paths: Sequence[str]) -> dict[Any, Row]:
    """Properties of one of the systems that manage a host (``networkSystem``), by HostSystem; two requests."""
    where = f"configManager.{system}"
    hosts = {ref: row[where] for ref, row in session.properties(vim.HostSystem, (where,)).items() if row.get(where)}
    rows = session.properties(kind, paths, list(hosts.values())) if hosts else {}
    return {ref: {**rows.get(found, {}), where: found} for ref, found in hosts.items()}


def host(session: EsxSession) -> Place:
    """The one host of this connection. Raises UnsupportedConfiguration when there are several."""
    return only(list(session.place.all(vim.HostSystem)), "host")


def system(session: EsxSession, name: str) -> Any:
    """A system that manages the one host of this connection."""
    where = f"configManager.{name}"
    row = session.properties(vim.HostSystem, (where,), [host(session).reference])
    return next(iter(row.values()))[where]


def derived_uuid(key: str) -> UUID:
    """A UUID for what has none of its own: the MD5 of what VMware knows it by, the way libvirt makes them."""
    return UUID(bytes=hashlib.md5(key.encode(), usedforsecurity=False).digest())
