"""Reading properties of many objects in one request (PropertyCollector, vSphere Web Services SDK).

What is read of many objects are views of the reply (:mod:`polyvisor_esx.replies`): they read as pyvmomi's objects do,
and are not meant to be sent back. Of one object pyvmomi makes objects that may be changed and sent.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from lxml import etree
from pyVmomi import vmodl
from pyVmomi.VmomiSupport import ManagedObject

from polyvisor_esx import replies

log = logging.getLogger(__name__)

Collector = vmodl.query.PropertyCollector

CHUNK = 500
"""Objects named one by one in a request at most: the request itself has to stay small."""

Row = dict[str, Any]


def of_objects(collector: Any, kind: Any, paths: Sequence[str], objects: Iterable[Any]) -> dict[Any, Row]:
    """Properties of these objects. An object that is gone raises NotFound; a property that is unset is left out."""
    wanted, found = list(objects), {}
    for start in range(0, len(wanted), CHUNK):
        places = [Collector.ObjectSpec(obj=each) for each in wanted[start : start + CHUNK]]
        read = _viewed if len(wanted) > 1 else _retrieved
        found.update(read(collector, [_filter(kind, paths, places)]))
    return found


def of_view(collector: Any, kind: Any, paths: Sequence[str], view: Any) -> dict[Any, Row]:
    """Properties of every object of ``kind`` in a view."""
    return _viewed(collector, [view_filter(kind, paths, view)])


def view_filter(kind: Any, paths: Sequence[str], view: Any) -> Any:
    """The filter of every object of ``kind`` in a view."""
    selection = Collector.TraversalSpec(name="members", path="view", skip=False, type=type(view))
    place = Collector.ObjectSpec(obj=view, skip=True, selectSet=[selection])
    return _filter(kind, paths, [place])


def of_related(collector: Any, kind: Any, paths: Sequence[str], origin: Any, path: str) -> dict[Any, Row]:
    """Properties of the objects that the property ``path`` of ``origin`` names."""
    return _viewed(collector, [related_filter(kind, paths, origin, path)])


def related_filter(kind: Any, paths: Sequence[str], origin: Any, path: str) -> Any:
    """The filter of the objects that the property ``path`` of ``origin`` names."""
    selection = Collector.TraversalSpec(name="related", path=path, skip=False, type=type(origin))
    place = Collector.ObjectSpec(obj=origin, skip=True, selectSet=[selection])
    return _filter(kind, paths, [place])


def _filter(kind: Any, paths: Sequence[str], places: list[Any]) -> Any:
    wanted = Collector.PropertySpec(type=kind, pathSet=list(paths), all=False)
    return Collector.FilterSpec(objectSet=places, propSet=[wanted], reportMissingObjectsInResults=None)


def _retrieved(collector: Any, filters: list[Any]) -> dict[Any, Row]:
    """Every page of an answer, by pyvmomi."""
    found: dict[Any, Row] = {}
    page = collector.RetrievePropertiesEx(specSet=filters, options=Collector.RetrieveOptions())
    while page is not None:
        for each in page.objects:
            found.setdefault(each.obj, {}).update((prop.name, prop.val) for prop in each.propSet)
        page = collector.ContinueRetrievePropertiesEx(token=page.token) if page.token else None
    return found


def _viewed(collector: Any, filters: list[Any]) -> dict[Any, Row]:
    """Every page of an answer, as views."""
    stub = collector._GetStub()
    found: dict[Any, Row] = {}
    page = stub.answer(collector, Collector.RetrievePropertiesEx, specSet=filters, options=Collector.RetrieveOptions())
    while page is not None:
        token = None
        for result in replies.children(page, "returnval"):
            token = next((each.text for each in replies.children(result, "token")), None)
            for ref, row in rows_of(result, stub):
                found.setdefault(ref, {}).update(row)
        page = stub.answer(collector, Collector.ContinueRetrievePropertiesEx, token=token) if token else None
    return found


OBJECTS, OBJECT, SET, MISSING, PATH = map(replies.tag, ("objects", "obj", "propSet", "missingSet", "path"))


def rows_of(result: etree._Element, stub: Any) -> Iterator[tuple[Any, Row]]:
    """Each object of a RetrieveResult with its properties. What the server did not give is left out."""
    reference = replies.converter(ManagedObject)
    for each in result.iterchildren(OBJECTS):
        ref, row = None, {}
        for part in each:
            kind = part.tag
            if kind == SET:  # whatever else there is, the name and the value come last
                row[part[-2].text or ""] = replies.value(part[-1], stub)
            elif kind == OBJECT:
                ref = reference(part, stub)
            elif kind == MISSING:
                log.debug("the server does not tell %s of %s", part.findtext(PATH), ref)
        yield ref, row
