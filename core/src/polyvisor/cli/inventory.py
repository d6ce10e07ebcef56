"""What devices a domain has, read from its document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from polyvisor.cli.command import command
from polyvisor.cli.parameters import data, domain, flag
from polyvisor.errors import InvalidArgument, NoSuchDevice

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell
    from polyvisor.objects.domain import Domain

Node = Any
"""An lxml element."""

SOURCE_ATTRIBUTES = ("file", "dev", "dir", "name", "path", "volume")
"""Attributes of a disk's <source> that say where the image is, whichever type the disk has."""


def device_nodes(found: Domain, tag: str, *, inactive: bool = False) -> list[Node]:
    """The elements ``tag`` among the devices of ``found``."""
    from polyvisor.documents.parsing import parse

    return list(parse(found.xml(inactive=inactive)).iterfind(f"devices/{tag}"))


def device_xml(node: Node) -> str:
    """The element as text."""
    from lxml import etree

    return str(etree.tostring(node, encoding="unicode", with_tail=False))


def target_of(node: Node) -> str | None:
    """Name of a disk in the guest, or of an interface on the host."""
    target = node.find("target")
    return None if target is None else target.get("dev")


def source_of(node: Node) -> str | None:
    """Where a disk's image is."""
    source = node.find("source")
    if source is None:
        return None
    return next((source.get(name) for name in SOURCE_ATTRIBUTES if source.get(name) is not None), None)


def find_disk(found: Domain, name: str, *, inactive: bool = False) -> Node:
    """The disk with that target or source. Raises NoSuchDevice."""
    disks = device_nodes(found, "disk", inactive=inactive)
    for disk in disks:
        if name in (target_of(disk), source_of(disk)):
            return disk
    targets = ", ".join(filter(None, map(target_of, disks)))
    raise NoSuchDevice(f"domain {found.name!r} has no disk {name!r}", hint=f"disks it has: {targets or 'none'}")


def find_interface(found: Domain, name: str | None, *, type: str | None = None, inactive: bool = False) -> Node:
    """The interface with that MAC address or name on the host, or the only one. Raises NoSuchDevice."""
    nodes = device_nodes(found, "interface", inactive=inactive)
    fitting = [
        node
        for node in nodes
        if (type is None or node.get("type") == type)
        and (name is None or name.lower() == mac_of(node) or name == target_of(node))
    ]
    if not fitting:
        macs = ", ".join(filter(None, map(mac_of, nodes)))
        what = " ".join(filter(None, ["interface", type and f"of type {type}", name]))
        raise NoSuchDevice(f"domain {found.name!r} has no {what}", hint=f"interfaces it has: {macs or 'none'}")
    if len(fitting) > 1:
        macs = ", ".join(filter(None, map(mac_of, fitting)))
        raise InvalidArgument(f"domain {found.name!r} has several such interfaces", hint=f"name one by --mac: {macs}")
    return fitting[0]


def find_memory(found: Domain, alias: str | None, cell: int | None, *, inactive: bool = False) -> Node:
    """The memory device with that alias or in that NUMA cell, or the only one. Raises NoSuchDevice."""
    fitting = []
    for node in device_nodes(found, "memory", inactive=inactive):
        named = node.find("alias")
        if alias is not None and (named is None or named.get("name") != alias):
            continue
        if cell is None or (node.findtext("target/node") or "").strip() == str(cell):
            fitting.append(node)
    if not fitting:
        raise NoSuchDevice(f"domain {found.name!r} has no such memory device")
    if len(fitting) > 1:
        raise InvalidArgument(f"domain {found.name!r} has several such memory devices", hint="name one by --alias")
    return fitting[0]


def set_requested(node: Node, kib: int) -> None:
    """Ask a memory device for ``kib`` KiB. Raises InvalidArgument for one that cannot change."""
    requested = node.find("target/requested")
    if requested is None:
        raise InvalidArgument("the memory device has no requested size: it cannot grow or shrink")
    requested.set("unit", "KiB")
    requested.text = str(kib)


def mac_of(node: Node) -> str | None:
    """MAC address of an interface, in lower case."""
    mac = node.find("mac")
    return None if mac is None else str(mac.get("address", "")).lower()


inactive = flag("inactive", "Of the stored configuration, even if the domain runs.")


@command("domblklist")
@domain()
@inactive
@flag("details", "Type and kind of each disk, too.")
def domblklist(shell: Shell, domain: str, inactive: bool, details: bool) -> None:
    """The disks, their names in the guest and their images."""
    disks = device_nodes(shell.domain(domain), "disk", inactive=inactive)
    facts = [
        {
            "type": disk.get("type", "file"),
            "device": disk.get("device", "disk"),
            "target": target_of(disk),
            "source": source_of(disk),
        }
        for disk in disks
    ]
    heads = ("Type", "Device", "Target", "Source") if details else ("Target", "Source")
    shell.table(heads, [[fact[head.lower()] or "-" for head in heads] for fact in facts], facts)


@command("domiflist")
@domain()
@inactive
def domiflist(shell: Shell, domain: str, inactive: bool) -> None:
    """The network interfaces and what they are linked to."""
    facts = [_interface_facts(node) for node in device_nodes(shell.domain(domain), "interface", inactive=inactive)]
    heads = ("Interface", "Type", "Source", "Model", "MAC")
    shell.table(heads, [[fact[head.lower()] or "-" for head in heads] for fact in facts], facts)


def _interface_facts(node: Node) -> dict[str, str | None]:
    source, model = node.find("source"), node.find("model")
    names = ("network", "bridge", "dev", "name", "path")
    return {
        "interface": target_of(node),
        "type": node.get("type"),
        "source": None if source is None else next((source.get(name) for name in names if source.get(name)), None),
        "model": None if model is None else model.get("type"),
        "mac": mac_of(node),
    }


@command("domif-getlink")
@domain()
@data("interface", help="MAC address or name on the host.")
@flag("config", "Of the stored configuration.")
def domif_getlink(shell: Shell, domain: str, interface: str, config: bool) -> None:
    """up or down."""
    link = find_interface(shell.domain(domain), interface, inactive=config).find("link")
    state = "up" if link is None else link.get("state", "up")
    shell.data({"interface": interface, "state": state}, f"{interface} {state}")


@command("domdisplay")
@domain()
@click.option("--type", "kind", metavar="TYPE", help="Only a display of this type: vnc, spice, ...")
@flag("all", "Every display, not only the first.")
@flag("include-password", "With the password, if there is one.")
def domdisplay(shell: Shell, domain: str, kind: str | None, all: bool, include_password: bool) -> None:
    """URIs that a viewer can be given."""
    found = shell.domain(domain)
    from polyvisor.documents.parsing import parse

    nodes = parse(found.xml(secure=include_password)).iterfind("devices/graphics")
    uris = [uri for node in nodes if kind in (None, node.get("type")) and (uri := _display_uri(node))]
    if not uris:
        raise NoSuchDevice(f"domain {found.name!r} has no display that can be reached", hint="is it running?")
    shown = uris if all else uris[:1]
    shell.data(shown, "\n".join(shown))


def _display_uri(node: Node) -> str | None:
    """``vnc://host:display``, ``spice://host:port?tls-port=port``, a socket's path; None if it does not listen."""
    kind = node.get("type")
    listen = node.find("listen")
    socket = node.get("socket") or (listen.get("socket") if listen is not None else None)
    if socket:
        return f"{kind}+unix://{socket}" if kind == "spice" else socket
    port, tls = int(node.get("port") or -1), int(node.get("tlsPort") or -1)
    if port <= 0 and tls <= 0:
        return None
    from polyvisor.model.addressing import is_wildcard

    host = node.get("listen") or (listen.get("address") if listen is not None else None) or "localhost"
    host = "localhost" if is_wildcard(host) else f"[{host}]" if ":" in host else host
    password = f":{node.get('passwd')}@" if node.get("passwd") else ""
    if kind == "vnc":
        return f"vnc://{password}{host}:{port - 5900}"
    extra = f"?tls-port={tls}" if tls > 0 else ""
    return f"{kind}://{password}{host}{f':{port}' if port > 0 else ''}{extra}"


@command("vncdisplay")
@domain()
def vncdisplay(shell: Shell, domain: str) -> None:
    """As a VNC viewer takes it: the address and the number of the display."""
    found = shell.domain(domain)
    for node in device_nodes(found, "graphics"):
        port = int(node.get("port") or -1)
        if node.get("type") == "vnc" and port > 0:
            from polyvisor.model.addressing import is_wildcard

            host = node.get("listen") or ""
            shown = f"{'' if is_wildcard(host) else host}:{port - 5900}"
            shell.data({"display": shown}, shown)
            return
    raise NoSuchDevice(f"domain {found.name!r} has no VNC display that can be reached", hint="is it running?")


@command("ttyconsole")
@domain()
def ttyconsole(shell: Shell, domain: str) -> None:
    """The pseudo-terminal on the host, for consoles of type pty."""
    found = shell.domain(domain)
    for tag in ("console", "serial"):
        for node in device_nodes(found, tag):
            source = node.find("source")
            path = node.get("tty") or (source.get("path") if source is not None else None)
            if node.get("type") == "pty" and path:
                shell.data({"tty": path}, path)
                return
    raise NoSuchDevice(f"domain {found.name!r} has no console on a pseudo-terminal", hint="is it running?")
