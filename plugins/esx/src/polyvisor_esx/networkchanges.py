"""Making and removing standard switches with their port groups (HostNetworkSystem).

A switch that something is connected to stays.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from pyVmomi import vim

from polyvisor.errors import (
    AlreadyExists,
    Busy,
    InvalidDocument,
    NotFound,
    PolyvisorError,
    UnsupportedConfiguration,
)
from polyvisor.model.network import Bandwidth, ForwardMode, Network, PortGroup, Vlan
from polyvisor_esx import networks, reach
from polyvisor_esx.networks import ALL_VLANS, KIB_PER_SECOND, Switch
from polyvisor_esx.properties import of_related
from polyvisor_esx.session import EsxSession, guest_name, plain_name

log = logging.getLogger(__name__)

PORTS = 128
"""Ports of a new switch; newer hosts make more as they are needed."""

LONGEST = 31
"""Characters that the name of a switch has at most."""

ELSEWHERE = (
    "title",
    "description",
    "metadata",
    "domain",
    "dns",
    "mac",
    "vlan",
    "port",
    "ips",
    "routes",
    "virtualport",
    "extensions",
    "ipv6",
    "trust_guest_rx_filters",
)
"""Fields of a network document that a virtual switch has no place for."""


def define(session: EsxSession, config: Network) -> Switch:
    """Make a standard switch and its port groups on the host of this connection.

    Its UUID follows from what VMware makes, whatever the document says. Nothing is left of one that could be made in
    part only. Raises UnsupportedConfiguration for what VMware has no place for, InvalidDocument for contradictions,
    NotFound for a card that the host has not, Busy for one that another switch has, AlreadyExists for a name that is
    taken."""
    specification, groups = switch_of(config), [group_of(config.name, each) for each in config.portgroups]
    place, system = reach.host(session), reach.system(session, "networkSystem")
    known = networks.switches(session)
    _require_new(config, known)
    _require_cards(session, place.reference, networks.bridged(specification), known)
    with _undone_on_failure() as undo:
        system.AddVirtualSwitch(vswitchName=config.name, spec=specification)
        undo.append(lambda: system.RemoveVirtualSwitch(vswitchName=config.name))
        for group in groups:
            system.AddPortGroup(portgrp=group)
            undo.append(partial(system.RemovePortGroup, pgName=group.name))
        return networks.find(session, name=config.name)


@contextlib.contextmanager
def _undone_on_failure() -> Iterator[list[Callable[[], Any]]]:
    steps: list[Callable[[], Any]] = []
    try:
        yield steps
    except BaseException:
        for step in reversed(steps):
            try:
                step()
            except PolyvisorError as error:
                log.warning("a network that could not be made is left in part: %s", error)
        raise


def undefine(session: EsxSession, switch: Switch) -> None:
    """Remove a standard switch and its port groups.

    Raises Busy while guests of the host, running or not, or the host itself are connected to it."""
    if found := guests(session, switch):
        raise Busy(
            f"{', '.join(found[:3])}{', ...' if len(found) > 3 else ''} are connected to {switch}",
            target=str(switch),
            driver="esx",
            hint="give their cards another network first",
        )
    if used := switch.users():
        raise Busy(f"{', '.join(used[:3])} are plugged into {switch}", target=str(switch), driver="esx")
    system = reach.systems(session, "networkSystem", vim.host.NetworkSystem, ("networkInfo.vswitch",))
    manager = system[switch.host.reference]["configManager.networkSystem"]
    for group in switch.groups:
        manager.RemovePortGroup(pgName=group.spec.name)
    manager.RemoveVirtualSwitch(vswitchName=switch.data.name)


def guests(session: EsxSession, switch: Switch) -> list[str]:
    """Names of the guests of its host that have a card in one of a switch's port groups; two requests."""
    groups = {group.spec.name for group in switch.groups}
    known = {
        ref
        for ref, row in reach.attached(session, vim.Network, ("name",)).items()
        if plain_name(row["name"]) in groups and not isinstance(ref, vim.dvs.DistributedVirtualPortgroup)
    }
    collector, host = session.content.propertyCollector, switch.host.reference
    rows = of_related(collector, vim.VirtualMachine, ("name", "network"), host, "vm")
    return sorted(guest_name(row) for row in rows.values() if known & set(row.get("network") or ()))


# -- what is asked of a new one ---------------------------------------------------------------------------------


def _require_new(config: Network, known: list[Switch]) -> None:
    taken = {group.spec.name: switch for switch in known for group in switch.groups}
    if config.name in {switch.data.name for switch in known}:
        raise AlreadyExists(f"the host has a network '{config.name}' already", driver="esx")
    for group in config.portgroups:
        if group.name in taken:
            raise AlreadyExists(f"{taken[group.name]} has a port group '{group.name}' already", driver="esx")


def _require_cards(session: EsxSession, host: Any, wanted: list[str], known: list[Switch]) -> None:
    if not wanted:
        return
    row = session.properties(vim.HostSystem, ("config.network.pnic",), [host]).get(host, {})
    cards = [card.device for card in row.get("config.network.pnic") or ()]
    in_use = {card: switch for switch in known for card in switch.uplinks}
    for device in wanted:
        if device not in cards:
            raise NotFound(f"the host has no card {device!r}", driver="esx", hint=f"it has {', '.join(cards)}")
        if device in in_use:
            raise Busy(f"the card {device} belongs to {in_use[device]}", driver="esx")


def switch_of(config: Network) -> Any:
    """What a document asks of a switch (HostVirtualSwitchSpec). Raises UnsupportedConfiguration, InvalidDocument."""
    _require_supported(config)
    cards = [each.dev for each in config.forward.interfaces] if config.forward else []
    if config.forward and config.forward.dev and config.forward.dev not in cards:
        cards.insert(0, config.forward.dev)
    bridge = vim.host.VirtualSwitch.BondBridge(nicDevice=cards) if cards else None
    return vim.host.VirtualSwitch.Specification(
        numPorts=PORTS,
        bridge=bridge,
        mtu=config.mtu.size if config.mtu else None,
        policy=_policy(config.bandwidth, f"network '{config.name}'"),
    )


def _require_supported(config: Network) -> None:
    target = f"network '{config.name}'"
    if not config.name or len(config.name) > LONGEST or "/" in config.name:
        raise InvalidDocument(
            f"{config.name!r} cannot be the name of a switch",
            driver="esx",
            hint=f"a switch has a name of up to {LONGEST} characters without '/'",
        )
    if asked := [name for name in ELSEWHERE if getattr(config, name)]:
        raise UnsupportedConfiguration(
            f"a virtual switch of VMware's has no {asked[0].replace('_', ' ')}", target=target, driver="esx"
        )
    bridge = config.bridge
    if bridge is not None and (bridge.zone or bridge.mac_table_manager or bridge.stp or bridge.delay):
        raise UnsupportedConfiguration("a virtual switch is no bridge of Linux", target=target, driver="esx")
    forward = config.forward
    if forward is None:
        return
    others = (forward.nat, forward.pf, forward.driver, forward.addresses, forward.managed)
    if forward.mode is not ForwardMode.BRIDGE or any(others) or not (forward.interfaces or forward.dev):
        raise UnsupportedConfiguration(
            f"VMware has no networks that forward by {forward.mode} in that way",
            target=target,
            driver="esx",
            hint="<forward mode='bridge'> with <interface dev='vmnic1'/>, or no <forward> for an isolated network",
        )
    names = [group.name for group in config.portgroups]
    if len(set(names)) != len(names):
        raise InvalidDocument("two port groups have the same name", target=target, driver="esx")


def group_of(switch: str, group: PortGroup) -> Any:
    """What a document asks of a port group (HostPortGroupSpec)."""
    target = f"port group '{group.name}'"
    if group.virtualport is not None or group.default or group.trust_guest_rx_filters:
        raise UnsupportedConfiguration(
            "a port group of VMware's has a VLAN and a bandwidth, and nothing else", target=target, driver="esx"
        )
    return vim.host.PortGroup.Specification(
        name=group.name,
        vlanId=_vlan(group.vlan, target),
        vswitchName=switch,
        policy=_policy(group.bandwidth, target) or vim.host.NetworkPolicy(),
    )


def _vlan(vlan: Vlan | None, target: str) -> int:
    if vlan is None:
        return 0
    numbers = [tag.id for tag in vlan.tags]
    trunk = vlan.trunk == "yes"
    if len(numbers) != 1 or trunk != (numbers[0] == ALL_VLANS) or any(tag.native_mode for tag in vlan.tags):
        raise UnsupportedConfiguration(
            "a port group of a standard switch is in one VLAN, or in all of them",
            target=target,
            driver="esx",
            hint=f"one <tag id='...'/>, or <vlan trunk='yes'><tag id='{ALL_VLANS}'/></vlan> for all",
        )
    return int(numbers[0])


def _policy(bandwidth: Bandwidth | None, target: str) -> Any:
    """Limits in bits a second and bytes. A peak or burst that is left out is what VMware needs at least."""
    if bandwidth is None:
        return None
    limit = bandwidth.outbound
    if bandwidth.inbound is not None or limit is None or limit.average is None:
        raise UnsupportedConfiguration(
            "a standard switch limits what guests send, on average",
            target=target,
            driver="esx",
            hint="<bandwidth><outbound average='...'/></bandwidth>",
        )
    peak = limit.peak or limit.average
    if peak < limit.average:
        raise InvalidDocument("the peak of a bandwidth is less than its average", target=target, driver="esx")
    return vim.host.NetworkPolicy(
        shapingPolicy=vim.host.NetworkPolicy.TrafficShapingPolicy(
            enabled=True,
            averageBandwidth=limit.average * KIB_PER_SECOND,
            peakBandwidth=peak * KIB_PER_SECOND,
            burstSize=(limit.burst or peak) * 1024,
        )
    )
