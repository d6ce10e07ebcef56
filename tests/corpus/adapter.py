"""Polyvisor's side of the compatibility corpus: one thin function for each suite, calling the public API only.

The corpus itself is not part of this repository; its ``score.py`` loads this file and says how each function is called.
"""

from __future__ import annotations

import functools
from typing import Any

from polyvisor import model
from polyvisor.documents import Element
from polyvisor.documents import diagnose as faults_of
from polyvisor.errors import InvalidDocument, InvalidURI, PluginError
from polyvisor.model.domain.completion import check, complete
from polyvisor.plugins import Plugins
from polyvisor.uri import parse_uri


@functools.cache
def _contributed() -> tuple[type[Element], ...]:
    """Element classes that the installed drivers bring to documents."""
    plugins = Plugins()
    classes: list[type[Element]] = []
    for entry in plugins.drivers():
        try:
            driver = plugins.driver(entry.schemes[0])
        except PluginError:  # a driver that cannot be loaded brings nothing
            continue
        classes += [cls for group in plugins.contribute(driver, "document_classes") for cls in group]
    return tuple(classes)


def validate(xml: bytes, kind: str) -> bool:
    try:
        model.parse(kind, xml, contributions=_contributed())
    except InvalidDocument:
        return False
    return True


def diagnose(xml: bytes, kind: str) -> list[dict[str, Any]]:
    return [fault.as_dict() for fault in faults_of(xml, model.root(kind), contributions=_contributed())]


def genericxml2xml(case: Any) -> dict[str, str]:
    try:
        domain = complete(model.parse("domain", case.bytes(), contributions=_contributed()))
        check(domain)
    except InvalidDocument:
        return {"rejected": "parse"}
    return {"xml": model.format(domain, live=case.params["active"], secure=True)}


def viruri(case: Any) -> dict[str, Any]:
    try:
        return {"result": str(parse_uri(case.params["inline_input"]))}
    except InvalidURI:
        return {"rejected": "parse"}
