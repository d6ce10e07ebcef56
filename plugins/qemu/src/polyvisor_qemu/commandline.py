"""QEMU's command line under construction, with everything from a document escaped.

Values reach QEMU in two ways only: inside JSON, or as ``key=value`` with commas doubled (QEMU's own escape). Keys
and the leading words of options are ours; nothing from a document is ever one of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class CommandLine:
    """An argument vector and what goes with it: environment variables, and ways in which it taints the guest."""

    def __init__(self, emulator: str) -> None:
        self.arguments: list[str] = [emulator]
        self.environment: dict[str, str] = {}
        self.taints: list[str] = []

    def flag(self, name: str) -> None:
        """``-name``"""
        self.arguments.append(f"-{name}")

    def plain(self, name: str, value: str | int) -> None:
        """``-name value``, for options that are no property lists (``-uuid``, ``-kernel``)."""
        self.arguments += [f"-{name}", str(value)]

    def option(self, name: str, lead: str | None = None, /, **properties: object) -> None:
        """``-name lead,key=value,...``; a property that is None is left out, booleans are on and off.

        ``_`` in a key stands for ``-`` except where QEMU itself has ``_`` (pass such keys in a mapping)."""
        self.listed(name, lead, {key.replace("_", "-"): value for key, value in properties.items()})

    def listed(self, name: str, lead: str | None, properties: Mapping[str, object]) -> None:
        """As ``option``, with the keys spelt exactly as given."""
        parts = [lead] if lead is not None else []
        parts += [f"{key}={escape(value)}" for key, value in properties.items() if value is not None]
        self.arguments += [f"-{name}", ",".join(parts)]

    def json(self, name: str, properties: Mapping[str, Any]) -> None:
        """``-name {JSON}``; properties that are None are left out."""
        self.arguments += [f"-{name}", compact(properties)]

    def exact_json(self, name: str, properties: Mapping[str, Any]) -> None:
        """``-name {JSON}``, with null where a property is None."""
        self.arguments += [f"-{name}", _encode(properties)]

    def device(self, driver: str, properties: Mapping[str, Any]) -> None:
        """``-device {"driver": ...}``"""
        self.json("device", {"driver": driver, **properties})

    def object(self, kind: str, identifier: str, properties: Mapping[str, Any]) -> None:
        """``-object {"qom-type": ..., "id": ...}``"""
        self.json("object", {"qom-type": kind, "id": identifier, **properties})


def escape(value: object) -> str:
    """A value of a QEMU option list: commas doubled, booleans as on and off."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value).replace(",", ",,")


def compact(properties: Mapping[str, Any]) -> str:
    """JSON without spaces and without what is None."""
    kept = {key: value for key, value in properties.items() if value is not None}
    return _encode(kept)
