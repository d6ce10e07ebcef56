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

PART = 250
"""Objects whose properties are asked for at once where they are many and large."""

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


def _filter(kind: Any, paths: Sequence[str], places: list[Any], *, gone: bool | None = None) -> Any:
    """``gone`` says that objects which are gone are no fault."""
    wanted = Collector.PropertySpec(type=kind, pathSet=list(paths), all=False)
    return Collector.FilterSpec(objectSet=places, propSet=[wanted], reportMissingObjectsInResults=gone)


def in_parts(collector: Any, kind: Any, paths: Sequence[str], objects: Sequence[Any]) -> Iterator[tuple[Any, Row]]:
    """Properties of many objects, :data:`PART` of them at a time: while one part is looked at, the server is asked for
    the next. Objects that are gone are left out."""
    stub = collector._GetStub()

    def asked(start: int) -> Any:
        places = [Collector.ObjectSpec(obj=each) for each in objects[start : start + PART]]
        filters = [_filter(kind, paths, places, gone=True)]
        return stub.ahead(
            collector, Collector.RetrievePropertiesEx, specSet=filters, options=Collector.RetrieveOptions()
        )

    ahead: Any = asked(0) if objects else None
    try:
        for start in range(PART, len(objects) + PART, PART):
            page = ahead.fetch()
            ahead = asked(start) if start < len(objects) else None
            yield from _pages(collector, page)
    finally:
        if ahead is not None:
            ahead.drop()


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
    page = collector._GetStub().answer(
        collector, Collector.RetrievePropertiesEx, specSet=filters, options=Collector.RetrieveOptions()
    )
    found: dict[Any, Row] = {}
    for ref, row in _pages(collector, page):
        found.setdefault(ref, {}).update(row)
    return found


def _pages(collector: Any, page: etree._Element | None) -> Iterator[tuple[Any, Row]]:
    """What a page holds, and those that follow it."""
    stub = collector._GetStub()
    while page is not None:
        token = None
        for result in replies.children(page, "returnval"):
            token = next((each.text for each in replies.children(result, "token")), None)
            yield from rows_of(result, stub)
        page = stub.answer(collector, Collector.ContinueRetrievePropertiesEx, token=token) if token else None


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
