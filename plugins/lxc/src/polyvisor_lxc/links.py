"""Network devices of running containers: made on the host, moved inside, set up there, and taken out again.

By iproute2: ``ip`` is run in the network namespace of the container by nsenter(1), so nothing of the container's own is
run.
"""

from __future__ import annotations

import os
from typing import Any

from polyvisor.errors import HypervisorError
from polyvisor_lxc import tools

_TIME = 10.0
_MACVLAN = {None: "vepa", "vepa": "vepa", "bridge": "bridge", "private": "private", "passthrough": "passthru"}


def attach(init: int, interface: Any) -> str:
    """Give a running container a network interface; returns its name inside. Nothing is left when it fails."""
    end = interface.target.dev if interface.target is not None else None
    inner = _free_name(init, interface.guest.dev if interface.guest is not None else None)
    passing = f"pv{os.getpid() % 100000}i{init % 1000000}"[:15]
    made = end or passing
    if interface.type in ("bridge", "network", "ethernet"):
        _ip("link", "add", made, "type", "veth", "peer", "name", passing)
    else:
        mode = _MACVLAN[interface.source.mode]
        _ip("link", "add", "link", interface.source.dev, "name", passing, "type", "macvlan", "mode", mode)
    try:
        if (bridge := getattr(interface.source, "bridge", None)) is not None:
            _ip("link", "set", made, "master", bridge)
        if interface.mac is not None:
            _ip("link", "set", passing, "address", interface.mac.address)
        if interface.mtu is not None:
            _ip("link", "set", passing, "mtu", str(interface.mtu.size))
            if made != passing:
                _ip("link", "set", made, "mtu", str(interface.mtu.size))
        if made != passing:
            _ip("link", "set", made, "up")
        _ip("link", "set", passing, "netns", str(init), "name", inner)
        _set_up(init, inner, interface, up=interface.link is None or interface.link.state == "up")
    except BaseException:
        _forget(made)
        raise
    return inner


def give(init: int, device: str, hostdev: Any) -> None:
    """Move a network device of the host into a running container."""
    _ip("link", "set", device, "netns", str(init))
    try:
        _set_up(init, device, hostdev, up=True)
    except BaseException:
        take_back(init, device)
        raise


def take_back(init: int, device: str) -> None:
    """Move a network device from a running container back to the host."""
    _inside(init, "link", "set", device, "netns", str(os.getpid()))


def detach(init: int, interface: Any) -> None:
    """Take a network interface away from a running container."""
    end = interface.target.dev if interface.target is not None else None
    if end and os.path.isdir(f"/sys/class/net/{end}"):
        _ip("link", "del", end)
    else:
        _inside(init, "link", "del", interface.guest.dev if interface.guest is not None else "eth0")


def set_link(init: int, interface: Any, *, up: bool) -> None:
    """Plug the cable in or out, at the host's end where there is one."""
    end = interface.target.dev if interface.target is not None else None
    if end and os.path.isdir(f"/sys/class/net/{end}"):
        _ip("link", "set", end, "up" if up else "down")
    else:
        _inside(
            init, "link", "set", interface.guest.dev if interface.guest is not None else "eth0", "up" if up else "down"
        )


def _set_up(init: int, name: str, device: Any, *, up: bool) -> None:
    for address in device.ips:
        prefix = address.prefix if address.prefix is not None else (128 if ":" in address.address else 32)
        _inside(init, "address", "add", f"{address.address}/{prefix}", "dev", name)
    if up:
        _inside(init, "link", "set", name, "up")
    for route in device.routes:
        prefix = route.prefix if route.prefix is not None else 0
        where = "default" if route.address in ("0.0.0.0", "::") else f"{route.address}/{prefix}"
        metric = ["metric", str(route.metric)] if route.metric else []
        _inside(init, "route", "add", where, "via", route.gateway, "dev", name, *metric)


def _free_name(init: int, wanted: str | None) -> str:
    with open(f"/proc/{init}/net/dev", encoding="ascii", errors="replace") as file:
        taken = {line.partition(":")[0].strip() for line in file.read().splitlines()[2:]}
    if wanted:
        if wanted in taken:
            raise HypervisorError(f"the container has a network device {wanted} already", driver="lxc")
        return wanted
    return next(f"eth{number}" for number in range(len(taken) + 1) if f"eth{number}" not in taken)


def _forget(device: str) -> None:
    if os.path.isdir(f"/sys/class/net/{device}"):
        _ip("link", "del", device)


def _ip(*words: str) -> None:
    _run([tools.find("ip"), *words])


def _inside(init: int, *words: str) -> None:
    _run([*tools.entering(init, "net"), tools.find("ip"), *words])


def _run(words: list[str]) -> None:
    answer = tools.run(words, timeout=_TIME)
    if answer.code:
        raise HypervisorError(
            f"the network device cannot be set up: {answer.errors.strip() or words}",
            driver="lxc",
            details={"command": words},
        )
