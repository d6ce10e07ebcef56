"""Reading properties of many objects in one request (PropertyCollector, vSphere Web Services SDK)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pyVmomi import vmodl

Collector = vmodl.query.PropertyCollector

CHUNK = 500
"""Objects named one by one in a request at most: the request itself has to stay small."""

Row = dict[str, Any]


def of_objects(collector: Any, kind: Any, paths: Sequence[str], objects: Iterable[Any]) -> dict[Any, Row]:
    """Properties of these objects. An object that is gone raises NotFound; a property that is unset is left out."""
    wanted, found = list(objects), {}
    for start in range(0, len(wanted), CHUNK):
        places = [Collector.ObjectSpec(obj=each) for each in wanted[start : start + CHUNK]]
        found.update(_retrieved(collector, [_filter(kind, paths, places)]))
    return found


def of_view(collector: Any, kind: Any, paths: Sequence[str], view: Any) -> dict[Any, Row]:
    """Properties of every object of ``kind`` in a view."""
    return _retrieved(collector, [view_filter(kind, paths, view)])


def view_filter(kind: Any, paths: Sequence[str], view: Any) -> Any:
    """The filter of every object of ``kind`` in a view."""
    selection = Collector.TraversalSpec(name="members", path="view", skip=False, type=type(view))
    place = Collector.ObjectSpec(obj=view, skip=True, selectSet=[selection])
    return _filter(kind, paths, [place])


def of_related(collector: Any, kind: Any, paths: Sequence[str], origin: Any, path: str) -> dict[Any, Row]:
    """Properties of the objects that the property ``path`` of ``origin`` names."""
    selection = Collector.TraversalSpec(name="related", path=path, skip=False, type=type(origin))
    place = Collector.ObjectSpec(obj=origin, skip=True, selectSet=[selection])
    return _retrieved(collector, [_filter(kind, paths, [place])])


def _filter(kind: Any, paths: Sequence[str], places: list[Any]) -> Any:
    wanted = Collector.PropertySpec(type=kind, pathSet=list(paths), all=False)
    return Collector.FilterSpec(objectSet=places, propSet=[wanted], reportMissingObjectsInResults=None)


def _retrieved(collector: Any, filters: list[Any]) -> dict[Any, Row]:
    found: dict[Any, Row] = {}
    page = collector.RetrievePropertiesEx(specSet=filters, options=Collector.RetrieveOptions())
    while page is not None:
        for each in page.objects:
            found.setdefault(each.obj, {}).update((prop.name, prop.val) for prop in each.propSet)
        page = collector.ContinueRetrievePropertiesEx(token=page.token) if page.token else None
    return found
