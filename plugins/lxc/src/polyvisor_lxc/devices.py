"""Plugging devices into containers and out of them: interfaces, file systems, devices of the host."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from polyvisor.errors import HostError, UnsupportedConfiguration
from polyvisor.local import bus
from polyvisor.spi import Affect, DomainRef, Event, EventKind
from polyvisor_lxc import (
    changes,
    checking,
    declared,
    filesystems,
    finding,
    guests,
    live,
    networks,
    preparation,
    tools,
    translation,
)
from polyvisor_lxc.session import LXCPATH, LxcSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

PLUGGABLE = ("interface", "filesystem", "hostdev")
"""Kinds of devices that a running container can be given."""

_CHANGEABLE = {"interface": frozenset({"link", "bandwidth"})}
"""What can change about a running container's device, by kind."""


def attach(session: LxcSession, domain: DomainRef, device: Any, affect: Affect) -> None:
    """Add a device."""
    name_card(device)
    added: Any = None
    with changes.changing(session, domain, affect) as change:
        for config in change.documents:
            finding.require_room(config, device)
            fresh = device.copy()
            if config is change.live and device.tag == "interface":
                fresh = networks.attached_device(session, device)
            _devices(config).add(fresh)
            _settle(session, config)
            if config is change.live:
                _pluggable(device)
                added = fresh
                live.name_devices(config)
                live.name_interfaces(config, added)
        if added is not None and change.live is not None:
            _, init = guests.require_init(session, domain)
            plug(init, change, added)
    if added is not None:
        _tell(session, domain, EventKind.DEVICE_ADDED, added)


def detach(session: LxcSession, domain: DomainRef, find: Callable[[Domain], Any], affect: Affect) -> None:
    """Take a device out; the kernel lets go of it at once."""
    removed: Any = None
    with changes.changing(session, domain, affect) as change:
        for config in change.documents:
            gone = find(config)
            _devices(config).remove(gone)
            if config is change.live:
                removed = gone
                _pluggable(gone)
        if removed is not None:
            _, init = guests.require_init(session, domain)
            unplug(init, change.found, removed)
    if removed is not None:
        _tell(session, domain, EventKind.DEVICE_REMOVED, removed)


def update(session: LxcSession, domain: DomainRef, device: Any, affect: Affect) -> None:
    """Change what can be changed about a device in place: the state of a link, a limit on traffic."""
    with changes.changing(session, domain, affect) as change:
        for config in change.documents:
            old = finding.find(config, device)
            new = _merged(old, device)
            if config is change.live and device.tag == "interface":
                new = _on_its_network(session, old, new)
            if config is change.live:
                _require_changeable(old, new)
                _, init = guests.require_init(session, domain)
                _change(change, init, old, new)
            _replace(config, old, new)
            _settle(session, config)


# -- documents --------------------------------------------------------------------------------------------


def name_card(device: Any) -> None:
    """Give an interface its MAC address before it goes into two documents, so that both have the same."""
    from polyvisor.model.domain import Interface, Mac
    from polyvisor.model.domain.completion import generate_mac

    if isinstance(device, Interface) and device.mac is None:
        device.mac = Mac(address=generate_mac())


def _devices(config: Domain) -> Any:
    return config.devices


def _settle(session: LxcSession, config: Domain) -> None:
    """Fill in what the device implies; the document must make sense as a whole, and be one that can be run."""
    from polyvisor.model.domain.completion import check, complete
    from polyvisor_lxc import completion

    check(complete(config, new=False))
    completion.complete(config)
    checking.check(session, config)


def _merged(old: Any, new: Any) -> Any:
    merged = new.copy()
    for name in ("alias", "address", "target", "guest"):
        if getattr(merged, name, None) is None and getattr(old, name, None) is not None:
            setattr(merged, name, getattr(old, name))
    return merged


def _on_its_network(session: LxcSession, old: Any, new: Any) -> Any:
    """An interface as it is while the container runs; it keeps its place on the network that it is on."""
    asked = getattr(new.source, "network", None)
    if new.type != "network" or asked is None or getattr(old.source, "network", None) != asked:
        return new
    made = networks.attached_device(session, new)
    made.type, made.source = old.type, old.source.copy()
    return made


def _require_changeable(old: Any, new: Any) -> None:
    allowed = _CHANGEABLE.get(old.tag, frozenset())
    for field in type(old).fields():
        if getattr(old, field.attr) != getattr(new, field.attr, None) and field.attr not in allowed:
            raise UnsupportedConfiguration(
                f"{field.attr} of the {finding.described(old)} cannot change while the container runs",
                driver="lxc",
                hint="change the stored configuration (affect=config), and start the container again",
            )


def _replace(config: Domain, old: Any, new: Any) -> None:
    held = _devices(config)
    for field in type(held).fields():
        listed = getattr(held, field.attr)
        if isinstance(listed, list) and any(each is old for each in listed):
            setattr(held, field.attr, [new if each is old else each for each in listed])


def _pluggable(device: Any) -> None:
    if device.tag not in PLUGGABLE or (device.tag == "filesystem" and device.target.dir == "/"):
        raise UnsupportedConfiguration(
            f"the {finding.described(device)} of a running container cannot come or go",
            driver="lxc",
            hint="change the stored configuration (affect=config), and start the container again",
        )


def _tell(session: LxcSession, domain: DomainRef, kind: EventKind, device: Any) -> None:
    bus.publish(session, Event(kind, domain, data={"alias": finding.alias_of(device) or ""}))


# -- the running container --------------------------------------------------------------------------------


def plug(init: int, change: changes.Change, device: Any) -> None:
    """Give a running container a device; each step that is done can be undone, and no other."""
    from polyvisor_lxc import bandwidth, links, mounting

    running = change.live
    assert running is not None
    preparation.check_device(device)
    undo = change.undo.append
    match device.tag:
        case "interface":
            inner = links.attach(init, device)
            from polyvisor.model.domain.devices.interface import GuestEnd

            asked = device.guest.dev if device.guest is not None else None
            device.guest = GuestEnd(dev=asked, actual=inner)
            undo(lambda: links.detach(init, device))
            if device.bandwidth is not None:
                bandwidth.apply(bandwidth.host_end(device), device.bandwidth, init)
        case "filesystem":
            shifted = preparation.shifted(running) or filesystems.asks_shift(device, mapped=running.idmap is not None)
            mounting.attach(init, device, shifted=shifted)
            undo(lambda: mounting.detach(init, device.target.dir))
        case "hostdev" if device.type == "net":
            links.give(init, device.source.interface, device)
            undo(lambda: links.take_back(init, device.source.interface))
        case "hostdev":
            path = declared.device_path(device)
            allow(change.found, device, allowed=True)
            undo(lambda: allow(change.found, device, allowed=False))
            mounting.bind(init, path, path, readonly=False, shifted=False)
            undo(lambda: mounting.detach(init, path, remove=True))


def unplug(init: int, found: guests.Look, device: Any) -> None:
    """Take a device away from a running container."""
    from polyvisor_lxc import links, mounting

    match device.tag:
        case "interface":
            links.detach(init, device)
        case "filesystem":
            mounting.detach(init, device.target.dir)
        case "hostdev" if device.type == "net":
            links.take_back(init, device.source.interface)
        case "hostdev":
            allow(found, device, allowed=False)
            mounting.detach(init, declared.device_path(device), remove=True)


def _change(change: changes.Change, init: int, old: Any, new: Any) -> None:
    from polyvisor_lxc import bandwidth, links

    if old.tag != "interface":
        return
    if old.bandwidth != new.bandwidth:
        end = bandwidth.host_end(old)
        change.undo.append(lambda: bandwidth.apply(end, old.bandwidth, init))
        bandwidth.apply(end, new.bandwidth, init)
    before, after = (one.link is None or one.link.state == "up" for one in (old, new))
    if before != after:
        change.undo.append(lambda: links.set_link(init, old, up=before))
        links.set_link(init, new, up=after)


def allow(found: guests.Look, device: Any, *, allowed: bool) -> None:
    """Let a running container use a device, or no longer.

    Version 1 has files for it. With version 2 a program in the kernel decides, which liblxc's monitor has put there and
    replaces when it is told to (liblxc 4 and later). Raises HostError, UnsupportedConfiguration."""
    rule = f"{translation.device_rule(declared.device_path(device))} {declared.access(device)}"
    name = "devices.allow" if allowed else "devices.deny"
    if "devices" in found.group.paths:
        found.group.write("devices", name, rule)
    elif "" in found.group.paths:
        _tell_monitor(found, name, rule)
    else:
        raise UnsupportedConfiguration(
            "the container has no control group that says which devices it may use",
            driver="lxc",
            hint="change the stored configuration (affect=config), and start the container again",
        )


def _tell_monitor(found: guests.Look, name: str, rule: str) -> None:
    if tools.version() < tools.DEVICE_PROGRAMS:
        raise UnsupportedConfiguration(
            "this liblxc cannot change the devices of a running container under control groups of version 2",
            driver="lxc",
            hint="liblxc 4 can; or change the stored configuration (affect=config), and start the container again",
        )
    words = [tools.find("lxc-cgroup"), "--name", str(found.uuid), "--lxcpath", LXCPATH, name, rule]
    answer = tools.run(words, timeout=tools.LONGEST_START)
    if answer.code:
        why = answer.errors.strip().rpartition(" - ")[2] or f"lxc-cgroup ended with status {answer.code}"
        raise HostError(f"liblxc did not write {rule!r} to {name}: {why}", driver="lxc")
