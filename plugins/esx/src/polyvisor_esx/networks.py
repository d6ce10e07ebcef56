"""Virtual switches and their port groups as networks.

A standard switch belongs to a host (HostVirtualSwitch, HostPortGroup in the vSphere Web Services SDK); one with
physical cards is a bridge to what they are plugged into, one without is isolated. On a connection to several hosts,
which all have a ``vSwitch0``, a switch is called ``HOST/SWITCH``. Networks are always active, and come with the host.

Shaping limits what guests send. VMware counts bits a second and bytes, documents KiB a second and KiB.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pyVmomi import vim

from polyvisor.errors import InvalidState, NotFound
from polyvisor.model.network import (
    Bandwidth,
    Forward,
    ForwardInterface,
    ForwardMode,
    Network,
    NetworkMtu,
    PortGroup,
    Vlan,
)
from polyvisor.model.switching import Limit, VlanTag
from polyvisor_esx import reach
from polyvisor_esx.inventory import Place
from polyvisor_esx.session import EsxSession

INFORMATION = ("networkInfo.vswitch", "networkInfo.portgroup")
ALL_VLANS = 4095
"""The VLAN of a port group whose guests tag their frames themselves: it stands for all."""

KIB_PER_SECOND = 8 * 1024
"""Bits a second in one KiB a second."""


@dataclass(frozen=True, slots=True)
class Switch:
    """A standard switch as it was when it was read, with its HostPortGroups."""

    name: str
    uuid: UUID
    host: Place
    data: Any
    groups: list[Any]

    active = persistent = autostart = True

    def __str__(self) -> str:
        return f"network '{self.name}'"

    @property
    def uplinks(self) -> list[str]:
        """The physical cards, by device: ``vmnic0``."""
        return [key.rpartition("-")[2] for key in self.data.pnic or ()] or bridged(self.data.spec)

    def users(self, *kinds: str) -> list[str]:
        """Hardware addresses of what is plugged in, of these kinds of port (``virtualMachine``, ``host``)."""
        ports = [port for group in self.groups for port in group.port or () if not kinds or port.type in kinds]
        return [str(mac) for port in ports for mac in port.mac or ()]


def bridged(specification: Any) -> list[str]:
    """The physical cards that a HostVirtualSwitchSpec names."""
    bridge = getattr(specification, "bridge", None)
    return [str(card) for card in getattr(bridge, "nicDevice", None) or ()]


def switches(session: EsxSession) -> list[Switch]:
    """The standard switches of the hosts of this connection, by name; two requests."""
    found = reach.systems(session, "networkSystem", vim.host.NetworkSystem, INFORMATION)
    alone = len(found) == 1
    made = [each for ref, row in found.items() for each in switches_of(place(session, ref), row, alone=alone)]
    return sorted(made, key=lambda switch: switch.name)


def place(session: EsxSession, host: Any) -> Place:
    """Where a host is, also one that came after the inventory was read."""
    return session.inventory.places.get(host) or Place(host, str(host._GetMoId()), None)


def switches_of(host: Place, row: dict[str, Any], *, alone: bool) -> Iterable[Switch]:
    """The switches of one host from its network system's :data:`INFORMATION`.

    The UUID comes from the switch's key, as libvirt's does, which talks to one host; of several hosts the key alone
    would be the same."""
    groups = row.get("networkInfo.portgroup") or []
    for each in row.get("networkInfo.vswitch") or []:
        key = each.key or each.name
        yield Switch(
            each.name if alone else f"{host.name}/{each.name}",
            reach.derived_uuid(key if alone else f"{host.reference._GetMoId()}/{key}"),
            host,
            each,
            [group for group in groups if group.spec.vswitchName == each.name],
        )


def find(session: EsxSession, *, name: str | None = None, uuid: UUID | None = None) -> Switch:
    """One standard switch, by name or UUID. Raises NotFound."""
    known = switches(session)
    found = [each for each in known if (each.name == name if name is not None else each.uuid == uuid)]
    if not found:
        said = f"named {name!r}" if name is not None else f"with UUID {uuid}"
        names = ", ".join(each.name for each in known)
        raise NotFound(f"there is no network {said}", driver="esx", hint=f"standard switches: {names or 'none'}")
    if len(found) > 1:
        raise InvalidState(f"{len(found)} hosts of this name have a network {name!r}", driver="esx")
    return found[0]


# -- documents ------------------------------------------------------------------------------------------------


def document(switch: Switch) -> Network:
    """The document of a standard switch. ``connections`` are guests' cards; only those that run are plugged in."""
    uplinks, mtu = switch.uplinks, switch.data.mtu
    forward = None
    if uplinks:
        cards = [ForwardInterface(dev=device) for device in uplinks]
        forward = Forward(mode=ForwardMode.BRIDGE, interfaces=cards)
    return Network(
        name=switch.name,
        uuid=str(switch.uuid),
        connections=len(switch.users("virtualMachine")),
        forward=forward,
        mtu=NetworkMtu(size=mtu) if mtu else None,
        bandwidth=shaped(getattr(switch.data.spec, "policy", None)),
        portgroups=[group_of(group.spec) for group in sorted(switch.groups, key=lambda group: group.spec.name)],
    )


def group_of(specification: Any) -> PortGroup:
    """A port group from its HostPortGroupSpec."""
    return PortGroup(name=specification.name, vlan=tagged(specification.vlanId), bandwidth=shaped(specification.policy))


def tagged(number: int | None) -> Vlan | None:
    """The VLAN of a port group; none for 0, a trunk for the one that stands for all."""
    if not number:
        return None
    return Vlan(trunk="yes" if number == ALL_VLANS else None, tags=[VlanTag(id=number)])


def shaped(policy: Any) -> Bandwidth | None:
    """The limits in a HostNetworkPolicy, if there are any of its own."""
    shaping = getattr(policy, "shapingPolicy", None)
    if shaping is None or not shaping.enabled:
        return None
    return Bandwidth(outbound=limit(shaping.averageBandwidth, shaping.peakBandwidth, shaping.burstSize))


def limit(average: int | None, peak: int | None, burst: int | None) -> Limit:
    """Bits a second, bits a second and bytes as documents count them. What is less than 1 KiB counts as 1."""
    sizes = ((average, KIB_PER_SECOND), (peak, KIB_PER_SECOND), (burst, 1024))
    found = [max(1, value // unit) if value else None for value, unit in sizes]
    return Limit(average=found[0], peak=found[1], burst=found[2])
