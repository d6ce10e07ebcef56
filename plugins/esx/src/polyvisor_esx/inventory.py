"""Which part of the server's inventory a connection sees: a host, a cluster, a data centre, or all of it.

vSphere's inventory is a tree of folders, data centres, compute resources (clusters, and single hosts) and hosts; below
a data centre the folders ``host``, ``vm``, ``datastore`` and ``network`` stand in between and are left out of paths.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote

from pyVmomi import vim

from polyvisor.errors import InvalidURI, UnsupportedConfiguration

KINDS = (vim.Folder, vim.Datacenter, vim.ComputeResource, vim.HostSystem)
WORDS = {vim.HostSystem: "host", vim.ComputeResource: "cluster", vim.Datacenter: "data centre", vim.Folder: "folder"}


@dataclass(slots=True)
class Place:
    """An object of the tree. ``path`` are the names from the root, as URIs have them."""

    reference: Any
    name: str
    parent: Any
    path: tuple[str, ...] = ()
    below: list[Place] = field(default_factory=list)

    @property
    def kind(self) -> type:
        """The most general of :data:`KINDS` that fits: a cluster is a ComputeResource."""
        return next(kind for kind in KINDS if isinstance(self.reference, kind))

    def all(self, kind: type) -> Iterator[Place]:
        """This place and those below it that are of ``kind``."""
        if isinstance(self.reference, kind):
            yield self
        for each in self.below:
            yield from each.all(kind)


class Inventory:
    """The tree, as it was when it was read."""

    def __init__(self, root: Any, rows: dict[Any, dict[str, Any]]) -> None:
        self.places = {ref: Place(ref, unquote(row["name"]), row.get("parent")) for ref, row in rows.items()}
        self.root = self.places.setdefault(root, Place(root, "", None))
        for place in self.places.values():
            if place.reference != root and place.parent in self.places:
                self.places[place.parent].below.append(place)
        self._name(self.root, ())

    def _name(self, place: Place, path: tuple[str, ...]) -> None:
        place.path = path
        for each in place.below:
            hidden = isinstance(place.reference, vim.Datacenter) and isinstance(each.reference, vim.Folder)
            self._name(each, path if hidden else (*path, each.name))

    def find(self, path: tuple[str, ...]) -> Place:
        """The place at ``path``, case counting; of a single host and its compute resource, which share a name, the
        host when it is written twice. Raises InvalidURI, naming what is there."""
        if not path:
            return self.root
        found = [
            each for each in self.places.values() if each.path == path and not isinstance(each.reference, vim.Folder)
        ]
        if found:
            return min(found, key=lambda each: KINDS.index(each.kind))
        known = sorted("/".join(each.path) for each in self.root.all(vim.HostSystem))
        shown = ", ".join(known[:5]) + (", ..." if len(known) > 5 else "")
        raise InvalidURI(
            f"the inventory has no {'/'.join(path)!r}", driver="esx", hint=f"hosts it has: {shown or 'none'}"
        )

    def above(self, place: Place, kind: type) -> Place | None:
        """The nearest place of ``kind`` at or above ``place``."""
        at: Place | None = place
        while at is not None and not isinstance(at.reference, kind):
            at = self.places.get(at.parent)
        return at

    def datacenter_path(self, place: Place) -> str:
        """The path of the data centre that ``place`` is in; empty when it is in none."""
        found = self.above(place, vim.Datacenter)
        return "/".join(found.path) if found else ""


def only(places: list[Place], what: str) -> Place:
    """The one place there is. Raises UnsupportedConfiguration when there are several, or none."""
    if len(places) == 1:
        return places[0]
    if not places:
        raise UnsupportedConfiguration(f"this part of the inventory has no {what}", driver="esx")
    names = ", ".join("/".join(each.path) for each in places[:5])
    raise UnsupportedConfiguration(
        f"there are {len(places)} {what}s to choose from: {names}{', ...' if len(places) > 5 else ''}",
        driver="esx",
        hint="connect to one of them: vpx://vcenter/Datacenter/Cluster/host",
    )
