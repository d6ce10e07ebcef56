"""Network devices of containers, as far as liblxc does not set them up itself.

What it has no key for (routes but the default one, isolated ports) is done when everything of a container is there and
before its init runs, by ip(8) and bridge(8) with a file of commands each. Devices of running containers are made on the
host, moved inside, set up there, and taken out again. ``ip`` is run in the network namespace of the container by
nsenter(1), so nothing of the container's own is run.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any

from polyvisor.errors import HypervisorError, UnsupportedConfiguration
from polyvisor.state import reported
from polyvisor_lxc import sections, tools

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

_TIME = 10.0
_LONGEST_NAME = 15
_ERRORS = "complaints"

Words = tuple[str, ...]


# -- between set-up and init ----------------------------------------------------------------------------------


def at_start(running: Domain) -> tuple[list[Words], list[Words]]:
    """What bridge(8) is told on the host, and ip(8) inside, before the init of a container runs."""
    held: Any = running.devices
    outside: list[Words] = []
    inside: list[Words] = []
    for interface in held.interfaces:
        if isolated(interface):
            outside.append(("link", "set", "dev", require_name(interface.target.dev), "isolated", "on"))
        inside += _routes(sections.inner_name(interface), interface)
    for hostdev in held.hostdevs:
        if hostdev.type == "net":
            inside += _routes(hostdev.source.interface, hostdev)
    return outside, inside


def hooks(running: Domain, directory: str) -> tuple[list[str], list[tuple[str, str]]]:
    """The commands that liblxc runs then (``lxc.hook.start-host``), and the files they read, each with its path.

    Nothing of the document is in a command: only in the files, a line for each, of names and addresses."""
    outside, inside = at_start(running)
    commands, files = [], []
    errors = f" 2>> {shlex.quote(f'{directory}/{_ERRORS}')}"
    if outside:
        files.append((f"{directory}/ports", _batch(outside)))
        commands.append(shlex.join([tools.find("bridge"), "-batch", files[-1][0]]) + errors)
    if inside:
        files.append((f"{directory}/routes", _batch(inside)))
        enter = [word.replace("/proc/0/", "/proc/$LXC_PID/") for word in tools.entering(0, "net")]
        commands.append(" ".join([*enter, shlex.join([tools.find("ip"), "-batch", files[-1][0]])]) + errors)
    return commands, files


def complaints(directory: str) -> list[str]:
    """What those commands have said when they failed, each with the line that it is about."""
    said: list[str] = []
    for line in _lines(f"{directory}/{_ERRORS}"):
        path, _, number = line.removeprefix("Command failed ").rpartition(":")
        if line.startswith("Command failed ") and number.isdigit() and said:
            said[-1] += f" ({_lines(path)[int(number) - 1]})"
        else:
            said.append(f"the network cannot be set up: {line.removeprefix('Error: ').rstrip('.')}")
    return said


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return [line.strip() for line in file if line.strip()]
    except FileNotFoundError:
        return []


def _batch(commands: list[Words]) -> str:
    return "".join(" ".join(words) + "\n" for words in commands)


def isolated(interface: Any) -> bool:
    """Whether an interface is kept from the other isolated ones of its bridge."""
    return interface.port is not None and bool(interface.port.isolated)


def require_name(name: str | None) -> str:
    """The name of a device. Raises UnsupportedConfiguration for what the kernel takes for none."""
    fit = name and len(os.fsencode(name)) <= _LONGEST_NAME and name not in (".", "..")
    if not name or not fit or any(each.isspace() or each in "/:" for each in name):
        raise UnsupportedConfiguration(
            f"{name!r} cannot be the name of a network device",
            driver="lxc",
            hint=f"names have at most {_LONGEST_NAME} characters and no spaces, '/' or ':'",
        )
    return name


def _routes(name: str | None, device: Any) -> list[Words]:
    return [("route", "add", *_route(require_name(name), route)) for route in sections.further_routes(device)]


def _route(name: str, route: Any) -> list[str]:
    length: Any = route.prefix
    if length is None and route.netmask is not None:
        from ipaddress import IPv4Network

        length = IPv4Network(f"0.0.0.0/{route.netmask}").prefixlen
    everywhere = route.address in ("0.0.0.0", "::") and not length
    where = "default" if everywhere else route.address if length is None else f"{route.address}/{length}"
    metric = ["metric", str(route.metric)] if route.metric else []
    return [where, "via", route.gateway, "dev", name, *metric]


# -- running containers ---------------------------------------------------------------------------------------


def attach(init: int, interface: Any) -> str:
    """Give a running container a network interface; returns its name inside. Nothing is left when it fails."""
    inner = _free_name(init, sections.inner_name(interface))
    passing = f"pv{os.getpid() % 100000}i{init % 1000000}"[:_LONGEST_NAME]
    made = _make(interface, passing)
    try:
        if made != passing:
            _plug(interface, made)
        if interface.mac is not None and not sections.is_ipvlan(interface):
            _ip("link", "set", passing, "address", interface.mac.address)
        for name in {passing, made} if interface.mtu is not None else ():
            _ip("link", "set", name, "mtu", str(interface.mtu.size))
        if made != passing:
            _ip("link", "set", made, "up")
        _ip("link", "set", passing, "netns", str(init), "name", inner)
    except BaseException:
        _forget(made)
        raise
    try:
        _set_up(init, inner, interface, up=interface.link is None or interface.link.state == "up")
    except BaseException:
        _inside(init, "link", "del", inner)  # and with it its other end, if it has one
        raise
    return inner


def _make(interface: Any, passing: str) -> str:
    """Make the device ``passing``; returns the name of its end on the host, its own where it has none."""
    kind = dict(sections.section(interface, lambda network: None))  # refuses what no container can have
    match kind["type"]:
        case "veth":
            end = require_name(interface.target.dev)
            _ip("link", "add", end, "type", "veth", "peer", "name", passing)
            return end
        case "macvlan":
            options: Words = ("macvlan", "mode", kind["macvlan.mode"])
        case _:
            options = ("ipvlan", "mode", kind["ipvlan.mode"], kind["ipvlan.isolation"])
    _ip("link", "add", "link", kind["link"], "name", passing, "type", *options)
    return passing


def _plug(interface: Any, end: str) -> None:
    """Plug the host's end into its bridge, in the VLANs and with the isolation asked for."""
    if (bridge := getattr(interface.source, "bridge", None)) is None:
        return
    _ip("link", "set", end, "master", bridge)
    lines = sections.section(interface, lambda network: None)
    own = [value for key, value in lines if key == "veth.vlan.id"]
    tagged = [value for key, value in lines if key == "veth.vlan.tagged.id"]
    if own:
        _bridge("vlan", "del", "dev", end, "vid", "1")  # what the bridge gives every new port
        _bridge("vlan", "add", "dev", end, "vid", own[0], "pvid", "untagged")
    for number in tagged:
        _bridge("vlan", "add", "dev", end, "vid", number)
    if isolated(interface):
        _bridge("link", "set", "dev", end, "isolated", "on")


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
    if (end := _host_end(interface)) is not None:
        _ip("link", "del", end)
    else:
        _inside(init, "link", "del", sections.inner_name(interface) or "eth0")


def set_link(init: int, interface: Any, *, up: bool) -> None:
    """Plug the cable in or out, at the host's end where there is one."""
    state = "up" if up else "down"
    if (end := _host_end(interface)) is not None:
        _ip("link", "set", end, state)
    else:
        _inside(init, "link", "set", sections.inner_name(interface) or "eth0", state)


def _host_end(interface: Any) -> str | None:
    end = interface.target.dev if interface.target is not None else None
    return end if end and os.path.isdir(f"/sys/class/net/{end}") else None


def _set_up(init: int, name: str, device: Any, *, up: bool) -> None:
    for address in device.ips:
        _inside(init, "address", "add", f"{address.address}/{sections.prefix_of(address)}", "dev", name)
    if up:
        _inside(init, "link", "set", name, "up")
    for route in device.routes if up else ():
        _inside(init, "route", "add", *_route(name, route))


def _free_name(init: int, wanted: str | None) -> str:
    path = f"/proc/{init}/net/dev"
    with reported("read", path), open(path, encoding="ascii", errors="replace") as file:
        taken = {line.partition(":")[0].strip() for line in file.read().splitlines()[2:]}
    if wanted:
        if wanted in taken:
            raise HypervisorError(f"the container has a network device {wanted} already", driver="lxc")
        return require_name(wanted)
    return next(f"eth{number}" for number in range(len(taken) + 1) if f"eth{number}" not in taken)


def _forget(device: str) -> None:
    if os.path.isdir(f"/sys/class/net/{device}"):
        _ip("link", "del", device)


def _ip(*words: str) -> None:
    _run([tools.find("ip"), *words])


def _bridge(*words: str) -> None:
    _run([tools.find("bridge"), *words])


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
