"""``polyvisor esx networks|nics|devices ...``: virtual switches, cards and devices of hosts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from polyvisor.errors import HostError, NotFound
from polyvisor_esx.commandsession import complete_network, document_of, opened, require_changes

if TYPE_CHECKING:
    from polyvisor.model.network import Network
    from polyvisor_esx.session import EsxSession


def documents(session: EsxSession) -> list[tuple[str, Network]]:
    """The networks of a connection, standard ones first, each with its kind."""
    from polyvisor_esx import distributed, networks

    found = [("standard", networks.document(each)) for each in networks.switches(session)]
    return found + [("distributed", distributed.document(each)) for each in distributed.switches(session)]


@click.command("networks")
@click.argument("name", required=False, shell_complete=complete_network)
@click.pass_obj
def list_networks(shell: Any, name: str | None) -> None:
    """List virtual switches with their port groups; show the document of one that is named."""
    with opened(shell) as session:
        found = documents(session)
    if name is not None:
        for _kind, each in found:
            if name in (each.name, each.uuid):
                document_of(shell, each)
                return
        known = ", ".join(each.name for _kind, each in found)
        raise NotFound(f"there is no network {name!r}", driver="esx", hint=f"networks: {known or 'none'}")
    rows, data = [], []
    for kind, each in found:
        uplinks = [card.dev for card in each.forward.interfaces] if each.forward else []
        groups = [group.name for group in each.portgroups]
        rows.append((each.name, kind, ", ".join(uplinks) or "-", ", ".join(groups)))
        data.append(
            {
                "name": each.name,
                "uuid": each.uuid,
                "kind": kind,
                "uplinks": uplinks,
                "port_groups": groups,
                "mtu": each.mtu.size if each.mtu else None,
                "connections": each.connections,
            }
        )
    shell.table(("Name", "Kind", "Uplinks", "Port groups"), rows, data=data)


@click.command("net-define")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.pass_obj
def define(shell: Any, file: Path) -> None:
    """Make a standard switch and its port groups from the network document in FILE."""
    from polyvisor import model
    from polyvisor_esx import networkchanges

    require_changes(shell, "a network")
    try:
        config: Any = model.parse("network", file.read_bytes())
    except OSError as error:
        raise HostError(f"{file} cannot be read: {error}") from error
    with opened(shell) as session:
        made = networkchanges.define(session, config)
    shell.data({"name": made.name, "uuid": str(made.uuid)}, f"Network '{made.name}' is defined")


@click.command("net-undefine")
@click.argument("name", shell_complete=complete_network)
@click.pass_obj
def undefine(shell: Any, name: str) -> None:
    """Remove a standard switch that nothing is plugged into, and its port groups."""
    from polyvisor_esx import networkchanges, networks

    require_changes(shell, "taking a network away")
    with opened(shell) as session:
        networkchanges.undefine(session, networks.find(session, name=name))
    shell.data({"name": name}, f"Network '{name}' is gone")


@click.command("nics")
@click.argument("name", required=False)
@click.pass_obj
def list_nics(shell: Any, name: str | None) -> None:
    """List the cards of hosts, physical ones and those the hosts use; show the document of one that is named."""
    from polyvisor_esx import nics

    with opened(shell) as session:
        if name is not None:
            document_of(shell, nics.document(nics.find(session, name=name)))
            return
        found = nics.nics(session)
    rows, data = [], []
    for each in found:
        speed = f"{each.speed} Mbit/s" if each.speed else "-"
        link = "up" if each.up else "down"
        rows.append(
            (each.host.name, each.name, link, speed, each.mac, each.switch or "-", ", ".join(each.addresses) or "-")
        )
        data.append(
            {
                "host": each.host.name,
                "name": each.name,
                "physical": each.physical,
                "link": link,
                "speed": each.speed,
                "mac": each.mac,
                "switch": each.switch,
                "addresses": each.addresses,
            }
        )
    shell.table(("Host", "Name", "Link", "Speed", "MAC", "Connected to", "Addresses"), rows, data=data)


@click.command("devices")
@click.argument("name", required=False)
@click.pass_obj
def list_devices(shell: Any, name: str | None) -> None:
    """List the devices of a host as a tree: PCI functions, adapters, cards, disks; show the document of one."""
    from polyvisor_esx import hostdevices

    with opened(shell) as session:
        if name is not None:
            document_of(shell, hostdevices.find(session, name))
            return
        found = hostdevices.devices(session)
    data = []
    below: dict[str | None, list[str]] = {}
    for each in found:
        parent = each.parent.name if each.parent else None
        below.setdefault(parent, []).append(each.name)
        kinds = [ability.type for ability in each.capabilities]
        data.append({"name": each.name, "parent": parent, "capabilities": kinds})
    shell.data(data, lambda: "\n".join(_drawn(below, None, 0)))


def _drawn(below: dict[str | None, list[str]], parent: str | None, depth: int) -> list[str]:
    lines = []
    for name in below.get(parent, ()):
        lines += ["  " * depth + name, *_drawn(below, name, depth + 1)]
    return lines


COMMANDS: tuple[click.Command, ...] = (list_networks, define, undefine, list_nics, list_devices)
"""What hangs under ``polyvisor esx``."""
