"""Devices from the options of a command line, as XML. The documents' grammar judges what comes out."""

from __future__ import annotations

import os
import stat
from typing import Any

from polyvisor.errors import InvalidArgument, InvalidState

BANDWIDTH = ("average", "peak", "burst", "floor")

ADDRESSES: dict[str, tuple[str, tuple[str, ...]]] = {
    "pci": ("pci", ("domain", "bus", "slot", "function")),
    "ccw": ("ccw", ("cssid", "ssid", "devno")),
    "scsi": ("drive", ("controller", "bus", "unit")),
    "ide": ("drive", ("controller", "bus", "unit")),
    "sata": ("drive", ("controller", "bus", "unit")),
    "usb": ("usb", ("bus", "port")),
}
"""Kinds of address on the command line: the type in the document and its parts; PCI's and CCW's are hexadecimal."""


def disk_xml(*, source: str, target: str, device: str | None, mode: str | None, **options: Any) -> str:
    """A ``<disk>``; the type of its source is found out unless ``sourcetype`` says it."""
    from lxml import etree

    kind = options["sourcetype"] or ("network" if options["source_protocol"] else _kind_of_source(source))
    disk = etree.Element("disk", type=kind)
    _set(disk, device=device, rawio="yes" if options["rawio"] else None)
    _child(
        disk,
        "driver",
        name=options["driver"],
        type=options["subdriver"],
        cache=options["cache"],
        io=options["io"],
        iothread=options["iothread"],
    )
    if source:
        _disk_source(disk, kind, source, options)
    _child(disk, "target", dev=target, bus=options["targetbus"])
    for name, wanted in (("readonly", mode == "readonly"), ("shareable", mode == "shareable")):
        if wanted:
            etree.SubElement(disk, name)
    for name in ("serial", "wwn"):
        if options[name]:
            etree.SubElement(disk, name).text = options[name]
    _child(disk, "alias", name=options["alias"])
    if options["address"]:
        _address(disk, options["address"], options["multifunction"])
    return _pretty(disk)


def _kind_of_source(source: str) -> str:
    try:
        return "block" if stat.S_ISBLK(os.stat(source).st_mode) else "file"
    except OSError:
        return "file"  # not on this host: a remote hypervisor may have it; the driver will say if not


def _disk_source(disk: Any, kind: str, source: str, options: dict[str, Any]) -> None:
    attribute = {"file": "file", "block": "dev", "network": "name"}[kind]
    element = _child(disk, "source", **{attribute: source, "protocol": options["source_protocol"]})
    name, _, port = (options["source_host_name"] or "").partition(":")
    _child(
        element,
        "host",
        name=name or None,
        port=port or None,
        transport=options["source_host_transport"],
        socket=options["source_host_socket"],
    )


def _address(disk: Any, text: str, multifunction: bool) -> None:
    kind, _, numbers = text.partition(":")
    if text == "virtio-mmio":
        _child(disk, "address", type="virtio-mmio")
        return
    if kind not in ADDRESSES:
        raise InvalidArgument(f"{text!r} is no address", hint=f"write one of {', '.join(ADDRESSES)}: and its numbers")
    type, parts = ADDRESSES[kind]
    values = numbers.split(".")
    if len(values) != len(parts):
        raise InvalidArgument(
            f"{text!r} is no address", hint=f"write {kind}:{'.'.join(part.upper() for part in parts)}"
        )
    base = 16 if kind in ("pci", "ccw") else 10
    try:
        found = {part: int(value, base) for part, value in zip(parts, values, strict=True)}
    except ValueError:
        raise InvalidArgument(f"{text!r} is no address: its parts are numbers") from None
    written = {part: f"{number:#x}" if base == 16 else str(number) for part, number in found.items()}
    _child(disk, "address", type=type, multifunction="on" if multifunction else None, **written)


def interface_xml(*, type: str, source: str, model: str | None, **options: Any) -> str:
    """An ``<interface>``, or for a host device a ``<hostdev>`` of one."""
    from lxml import etree

    interface = etree.Element("interface", type=type)
    _set(interface, managed="yes" if options["managed"] else None)
    _child(interface, "mac", address=options["mac"])
    if type == "hostdev":
        _address(_append(interface, "source"), source, False)
    elif type not in ("user", "ethernet"):
        attribute = {"network": "network", "bridge": "bridge", "direct": "dev"}[type]
        _child(interface, "source", **{attribute: source, "mode": options["source_mode"]})
    _child(interface, "target", dev=options["target"])
    _child(interface, "script", path=options["script"])
    _child(interface, "model", type=model)
    _child(interface, "alias", name=options["alias"])
    if options["inbound"] or options["outbound"]:
        bandwidth = _append(interface, "bandwidth")
        for direction in ("inbound", "outbound"):
            if options[direction]:
                _child(bandwidth, direction, **{key: str(value) for key, value in rates(options[direction]).items()})
    return _pretty(interface)


def rates(text: str) -> dict[str, int]:
    """``AVERAGE[,PEAK,BURST,FLOOR]`` by name; parts may be left empty. Raises InvalidArgument."""
    parts = text.split(",")
    try:
        if len(parts) > len(BANDWIDTH):
            raise ValueError
        return {name: int(part) for name, part in zip(BANDWIDTH, parts, strict=False) if part}
    except ValueError:
        raise InvalidArgument(f"{text!r} is no bandwidth", hint=f"write {','.join(BANDWIDTH)} as numbers") from None


def replace_medium(disk: Any, source: str | None, *, block: bool, must_be_empty: bool) -> None:
    """Put ``source`` into the drive, or with None leave it empty. Raises InvalidState, InvalidArgument."""
    if disk.get("device") not in ("cdrom", "floppy"):
        raise InvalidArgument("the disk's device type is not removable: it is neither a CD nor a floppy drive")
    old = disk.find("source")
    if must_be_empty and old is not None:
        raise InvalidState("the drive already has a medium", hint="use --update to replace it")
    for tag in ("source", "backingStore"):
        if (element := disk.find(tag)) is not None:
            disk.remove(element)
    if source is not None:
        disk.set("type", "block" if block else "file")
        _child(disk, "source", **{"dev" if block else "file": source})


def _set(element: Any, **attributes: str | None) -> None:
    for name, value in attributes.items():
        if value is not None:
            element.set(name, value)


def _child(parent: Any, tag: str, **attributes: str | None) -> Any:
    """Append ``<tag>`` with those attributes that are not None; nothing, and None, if all are."""
    if all(value is None for value in attributes.values()):
        return None
    return _append(parent, tag, **attributes)


def _append(parent: Any, tag: str, **attributes: str | None) -> Any:
    """Append ``<tag>`` with those attributes that are not None."""
    from lxml import etree

    element = etree.SubElement(parent, tag)
    _set(element, **attributes)
    return element


def _pretty(element: Any) -> str:
    from lxml import etree

    etree.indent(element)
    return str(etree.tostring(element, encoding="unicode"))
