"""The host's side of a container's network: networks, bridges, cards, and whether they are there."""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING, Any

from polyvisor.errors import UnsupportedConfiguration
from polyvisor.state import Networks
from polyvisor_lxc import sections, tools
from polyvisor_lxc.support import refusal

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor_lxc.session import LxcSession

NET = "/sys/class/net"


# -- virtual networks -----------------------------------------------------------------------------------------


def attached(session: LxcSession, config: Domain) -> Domain:
    """A document whose interfaces on networks are what they are while the container runs.

    Raises NoSuchNetwork, and what else :meth:`polyvisor.state.Networks.attach` does."""
    held: Any = config.devices
    if not any(interface.type == "network" for interface in held.interfaces):
        _refuse_taken(session, config)
        return config
    config = config.copy()
    held = config.devices
    chosen: Counter[str] = Counter()
    for place, interface in enumerate(held.interfaces):
        held.interfaces[place] = made = attached_device(session, interface, chosen)
        if made.type == "direct":
            chosen[made.source.dev] += 1
    _refuse_taken(session, config)
    return config


def attached_device(session: LxcSession, interface: Any, chosen: Counter[str] | None = None) -> Any:
    """One interface as it is while the container runs; ``chosen``: cards that others of that container will use."""
    found = Networks(session.paths)
    return found.attach(interface, use=lambda: cards_in_use(session) + (chosen or Counter()))


def _refuse_taken(session: LxcSession, config: Domain) -> None:
    """Raise UnsupportedConfiguration for a card that is to be passed through and has devices of containers on it.

    The kernel takes one such device on a card, and says "Invalid argument" to the next."""
    held: Any = config.devices
    alone = [one for one in held.interfaces if one.type == "direct" and one.source.mode == "passthrough"]
    used = cards_in_use(session) if alone else Counter[str]()
    for one in alone:
        name = one.source.dev
        above = os.path.isdir(f"{NET}/{name}") and any(
            each.startswith("upper_") for each in os.listdir(f"{NET}/{name}")
        )
        if used[name] or above:
            raise refusal(
                f"<source dev={name!r} mode='passthrough'>",
                one,
                why="is for one device, and there is one on it already",
            )


def cards_in_use(session: LxcSession) -> Counter[str]:
    """How many direct interfaces of running containers each card of the host has."""
    found: Counter[str] = Counter()
    for uuid in session.store.statuses():
        try:
            with open(session.files(uuid).live, "rb") as file:
                running: Any = session.parse(file.read())
        except FileNotFoundError:
            continue  # it has just ended
        found.update(one.source.dev for one in running.devices.interfaces if one.type == "direct")
    return found


# -- what has to be there -------------------------------------------------------------------------------------


def check(config: Domain) -> None:
    """Raise UnsupportedConfiguration for a bridge or device that the host does not have."""
    held: Any = config.devices
    for device in (*held.interfaces, *held.hostdevs):
        check_device(device)


def check_device(device: Any) -> None:
    """Raise UnsupportedConfiguration for what one device needs and the host does not have."""
    if device.tag == "hostdev":
        if device.mode == "capabilities" and device.type == "net":
            _device(device.source.interface)
        return
    bridge = getattr(device.source, "bridge", None)
    if bridge is not None:
        _bridge(bridge, getattr(device.source, "network", None))
        _vlans(device, bridge)
    if device.type == "direct":
        _device(device.source.dev)
        _kind(device)


def _bridge(bridge: str, network: str | None) -> None:
    there = os.path.isdir(f"{NET}/{bridge}")
    if not there and network is not None:
        raise UnsupportedConfiguration(
            f"the network {network!r} is not active: its bridge {bridge!r} does not exist on this host",
            driver="lxc",
            hint=f"start the network, or make the bridge (ip link add {bridge} type bridge)",
        )
    if not there:
        raise UnsupportedConfiguration(
            f"there is no bridge {bridge!r} on this host",
            driver="lxc",
            hint=f"make it (ip link add {bridge} type bridge), or name another in <source bridge=...>",
        )
    if not os.path.isdir(f"{NET}/{bridge}/bridge"):
        raise UnsupportedConfiguration(
            f"the device {bridge!r} of this host is not a bridge",
            driver="lxc",
            hint=f"name a bridge, or write <interface type='direct'> with <source dev='{bridge}'/>",
        )


def _vlans(device: Any, bridge: str) -> None:
    if device.vlan is None:
        return
    path = f"{NET}/{bridge}/bridge/vlan_filtering"
    if not os.path.exists(path):
        raise UnsupportedConfiguration(
            "the bridges of this kernel cannot tell VLANs apart",
            driver="lxc",
            hint="it is made without CONFIG_BRIDGE_VLAN_FILTERING; use a bridge for each VLAN, over a device of it",
        )
    with open(path, encoding="ascii") as file:
        if file.read().strip() == "1":
            return
    raise UnsupportedConfiguration(
        f"the bridge {bridge!r} does not tell VLANs apart, so that <vlan> would keep nothing from anybody",
        driver="lxc",
        hint=f"switch it on (ip link set {bridge} type bridge vlan_filtering 1)",
    )


def _device(name: str) -> None:
    if not os.path.isdir(f"{NET}/{name}"):
        raise UnsupportedConfiguration(
            f"there is no network device {name!r} on this host",
            driver="lxc",
            hint="name one that `ip link` shows: it may be in another namespace by now",
        )


def _kind(device: Any) -> None:
    """Only by trying is it told whether the kernel has ipvlan, which it may load when it is asked."""
    if not sections.is_ipvlan(device):
        return
    name = f"pvtry{os.getpid() % 10**9}"
    made = tools.run(
        [tools.find("ip"), "link", "add", "link", device.source.dev, "name", name, "type", "ipvlan"], timeout=10.0
    )
    if made.code == 0:
        tools.run([tools.find("ip"), "link", "del", name], timeout=10.0)
    elif "Unknown device type" in made.errors or "not supported" in made.errors:
        raise UnsupportedConfiguration(
            "this kernel has no ipvlan devices",
            driver="lxc",
            hint="load the module (modprobe ipvlan), or leave out <model> for a macvlan device",
        )
