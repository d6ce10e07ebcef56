"""Distributed switches of a vCenter as networks (DistributedVirtualSwitch, DistributedVirtualPortgroup).

Their uplinks are cards of many hosts, so documents name those of the hosts of this connection. A distributed switch has
a UUID of its own, and limits for both directions: what VMware calls "in" comes into the switch, and out of guests.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pyVmomi import vim

from polyvisor.errors import NotFound
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
from polyvisor.model.switching import InboundLimit, VlanTag
from polyvisor_esx import reach
from polyvisor_esx.networks import ALL_VLANS, limit
from polyvisor_esx.session import EsxSession, plain_name

GROUP = ("name", "key", "config", "vm")
SWITCH = ("name", "uuid", "config", "portgroup")
Dvs = vim.dvs.VmwareDistributedVirtualSwitch


@dataclass(frozen=True, slots=True)
class DistributedSwitch:
    """A distributed switch as it was when it was read. ``groups`` are rows of :data:`GROUP`."""

    reference: Any
    name: str
    uuid: UUID
    row: dict[str, Any]
    groups: list[dict[str, Any]]
    uplinks: tuple[str, ...] = ()

    active = persistent = autostart = True

    def __str__(self) -> str:
        return f"network '{self.name}'"


def switches(session: EsxSession) -> list[DistributedSwitch]:
    """The distributed switches that hosts of this connection can use, by name; three requests.

    A single host knows none: they belong to its vCenter."""
    if not session.center:
        return []
    groups = reach.attached(session, vim.dvs.DistributedVirtualPortgroup, GROUP)
    found = {row["config"].distributedVirtualSwitch for row in groups.values() if row.get("config")} - {None}
    if not found:
        return []
    rows = session.properties(vim.DistributedVirtualSwitch, SWITCH, found)
    cards = _cards(session)
    made = [switch_of(ref, row, list(groups.values()), cards) for ref, row in rows.items()]
    return sorted(made, key=lambda switch: switch.name)


def _cards(session: EsxSession) -> dict[str, list[str]]:
    """Cards by UUID of the switch they are uplinks of, on all hosts of this connection."""
    found: dict[str, list[str]] = {}
    for row in session.properties(vim.HostSystem, ("config.network.proxySwitch",)).values():
        for each in row.get("config.network.proxySwitch") or ():
            found.setdefault(each.dvsUuid, []).extend(key.rpartition("-")[2] for key in each.pnic or ())
    return found


def switch_of(
    reference: Any, row: dict[str, Any], groups: list[dict[str, Any]], cards: dict[str, list[str]]
) -> DistributedSwitch:
    """A distributed switch from its properties :data:`SWITCH`, those of all port groups, and the cards by switch."""
    own = [each for each in groups if each.get("config") and each["config"].distributedVirtualSwitch == reference]
    uplinks = tuple(sorted(set(cards.get(row["uuid"], ()))))
    return DistributedSwitch(reference, plain_name(row["name"]), uuid_of(row["uuid"]), row, own, uplinks)


def uuid_of(written: str) -> UUID:
    """VMware's spelling of a UUID, sixteen pairs of digits with blanks between; of another thing its MD5."""
    digits = re.sub(r"[\s-]", "", written)
    return UUID(digits) if re.fullmatch("[0-9a-fA-F]{32}", digits) else reach.derived_uuid(written)


def find(session: EsxSession, *, name: str | None = None, uuid: UUID | None = None) -> DistributedSwitch:
    """One distributed switch, by name or UUID. Raises NotFound."""
    known = switches(session)
    for each in known:
        if each.name == name if name is not None else each.uuid == uuid:
            return each
    said = f"named {name!r}" if name is not None else f"with UUID {uuid}"
    names = ", ".join(each.name for each in known)
    raise NotFound(f"there is no distributed switch {said}", driver="esx", hint=f"there are: {names or 'none'}")


# -- documents ------------------------------------------------------------------------------------------------


def document(switch: DistributedSwitch) -> Network:
    """The document of a distributed switch; port groups of uplinks are left out. ``connections`` are guests."""
    config = switch.row.get("config")
    mtu = getattr(config, "maxMtu", None)
    groups = sorted((each for each in switch.groups if not is_uplink(each)), key=lambda each: str(each["name"]))
    uplinks = [ForwardInterface(dev=card) for card in switch.uplinks]
    return Network(
        name=switch.name,
        uuid=str(switch.uuid),
        connections=len({machine for each in groups for machine in each.get("vm") or ()}),
        description=getattr(config, "description", None) or None,
        forward=Forward(mode=ForwardMode.BRIDGE, interfaces=uplinks) if uplinks else None,
        mtu=NetworkMtu(size=mtu) if mtu else None,
        bandwidth=shaped(getattr(config, "defaultPortConfig", None)),
        portgroups=[group_of(each) for each in groups],
    )


def is_uplink(group: dict[str, Any]) -> bool:
    """Whether a port group is that of the uplinks; older servers only say so in a tag of its name's."""
    return bool(getattr(group["config"], "uplink", None)) or "DVUplinks" in str(group["name"])


def group_of(group: dict[str, Any]) -> PortGroup:
    """A port group from its properties :data:`GROUP`."""
    setting = group["config"].defaultPortConfig
    return PortGroup(
        name=plain_name(group["name"]), vlan=tagged(getattr(setting, "vlan", None)), bandwidth=shaped(setting)
    )


def tagged(vlan: Any) -> Vlan | None:
    """The VLANs of a port: one, some of a trunk, all (written as 4095), or the secondary one of a private VLAN."""
    if isinstance(vlan, Dvs.TrunkVlanSpec):
        ranges = [(each.start, each.end) for each in vlan.vlanId or ()]
        if not ranges or any(start <= 1 and end >= ALL_VLANS - 1 for start, end in ranges):
            return Vlan(trunk="yes", tags=[VlanTag(id=ALL_VLANS)])
        numbers = sorted({number for start, end in ranges for number in range(start, end + 1)})
        return Vlan(trunk="yes", tags=[VlanTag(id=number) for number in numbers])
    number = getattr(vlan, "vlanId", None) or getattr(vlan, "pvlanId", None)
    return Vlan(tags=[VlanTag(id=number)]) if isinstance(number, int) and number else None


def shaped(setting: Any) -> Bandwidth | None:
    """The limits in a DVPortSetting. What comes into the switch comes out of guests."""
    sent, received = (_rates(getattr(setting, name, None)) for name in ("inShapingPolicy", "outShapingPolicy"))
    if sent is None and received is None:
        return None
    inbound = limit(*received) if received else None
    return Bandwidth(
        inbound=InboundLimit(average=inbound.average, peak=inbound.peak, burst=inbound.burst) if inbound else None,
        outbound=limit(*sent) if sent else None,
    )


def _rates(policy: Any) -> tuple[int | None, int | None, int | None] | None:
    if policy is None or policy.enabled is None or not policy.enabled.value:
        return None
    average, peak, burst = (
        getattr(getattr(policy, name), "value", None) for name in ("averageBandwidth", "peakBandwidth", "burstSize")
    )
    return average, peak, burst
