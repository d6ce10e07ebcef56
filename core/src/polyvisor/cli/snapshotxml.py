"""Snapshots and checkpoints from the options of a command line, as XML."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from polyvisor.errors import InvalidArgument


def snapshot_xml(name: str | None, description: str | None, memspec: str | None, diskspecs: Sequence[str]) -> str:
    """A ``<domainsnapshot>``; the specs are those of ``snapshot-create-as``. Raises InvalidArgument."""
    root = _named("domainsnapshot", name, description)
    if memspec is not None:
        from lxml import etree

        memory = parts(memspec, "file", ("file", "snapshot"))
        etree.SubElement(root, "memory", memory)
    _disks(root, diskspecs)
    return _text(root)


def checkpoint_xml(name: str | None, description: str | None, diskspecs: Sequence[str]) -> str:
    """A ``<domaincheckpoint>``; the specs are those of ``checkpoint-create-as``. Raises InvalidArgument."""
    from lxml import etree

    root = _named("domaincheckpoint", name, description)
    if diskspecs:
        disks = etree.SubElement(root, "disks")
        for spec in diskspecs:
            etree.SubElement(disks, "disk", parts(spec, "name", ("name", "checkpoint", "bitmap")))
    return _text(root)


def _named(tag: str, name: str | None, description: str | None) -> Any:
    from lxml import etree

    root = etree.Element(tag)
    for child, text in (("name", name), ("description", description)):
        if text is not None:
            etree.SubElement(root, child).text = text
    return root


def _disks(root: Any, specs: Sequence[str]) -> None:
    from lxml import etree

    if not specs:
        return
    disks = etree.SubElement(root, "disks")
    for spec in specs:
        found = parts(spec, "name", ("name", "snapshot", "driver", "stype", "file"))
        kind = found.get("stype", "file")
        attributes = {"name": found["name"]}
        if "snapshot" in found:
            attributes["snapshot"] = found["snapshot"]
        if "stype" in found:
            attributes["type"] = kind
        disk = etree.SubElement(disks, "disk", attributes)
        if "driver" in found:
            etree.SubElement(disk, "driver", type=found["driver"])
        if "file" in found:
            etree.SubElement(disk, "source", {"dev" if kind == "block" else "file": found["file"]})


def parts(spec: str, first: str, known: Sequence[str]) -> dict[str, str]:
    """``WORD,key=value,...`` by key, WORD being ``first``; a doubled comma stands for one. Raises InvalidArgument."""
    words = [word.replace("\0", ",") for word in spec.replace(",,", "\0").split(",")]
    found: dict[str, str] = {}
    for number, word in enumerate(words):
        key, equals, value = word.partition("=")
        if number == 0 and key not in known:
            key, equals, value = first, "=", word
        if not equals or key not in known or key in found:
            raise InvalidArgument(f"{word!r} in {spec!r} is not understood", hint=f"known: {', '.join(known)}")
        found[key] = value
    return found


def _text(root: Any) -> str:
    from lxml import etree

    etree.indent(root)
    return str(etree.tostring(root, encoding="unicode"))
