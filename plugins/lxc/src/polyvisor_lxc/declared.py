"""What a document says that is the same line of liblxc's configuration for a container that is run
(:mod:`.translation`) and for a file that a person keeps (:mod:`.exporting`).

Where the two differ is in what they know: one has a host with its devices, accounts and containers, the other a
document alone. So each brings what answers those questions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

from polyvisor_lxc import confinement, filesystems, quantities
from polyvisor_lxc.support import refusal

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor_lxc.cgroups import Hierarchies

Lines = Iterator[tuple[str, str]]
"""Keys of lxc.container.conf(5) and their values."""

DEVICES = ("c 1:3", "c 1:5", "c 1:7", "c 1:8", "c 1:9", "c 5:0", "c 5:1", "c 5:2", "c 10:229", "c 136:*")
"""What every container may use: null, zero, full, random, urandom, tty, console, ptmx, fuse and pseudo-terminals."""


def idmap(config: Domain) -> Lines:
    """The ids that the document maps."""
    if config.idmap is not None:
        for letter, ranges in (("u", config.idmap.uids), ("g", config.idmap.gids)):
            for each in ranges:
                yield "lxc.idmap", f"{letter} {each.start} {each.target} {each.count}"


def capabilities(config: Domain) -> Lines:
    """Which capabilities are dropped, or are kept as the only ones."""
    drop, keep = confinement.dropped(config)
    if keep is not None:
        yield "lxc.cap.keep", " ".join(keep) or "none"
    elif drop:
        yield "lxc.cap.drop", " ".join(drop)


def init(config: Domain, number: Callable[[str, str], int]) -> Lines:
    """Where and as whom init runs; ``number`` is that of a ``user`` or ``group`` of the container by name."""
    if config.os.init_directory:
        yield "lxc.init.cwd", config.os.init_directory
    for key, kind, name in (("uid", "user", config.os.init_user), ("gid", "group", config.os.init_group)):
        if name:
            plain = name.removeprefix("+")
            yield f"lxc.init.{key}", str(int(plain) if plain.isdigit() else number(kind, name))


def shared(config: Domain, tag: str) -> Any:
    """What a document says of a namespace that is somebody else's: ``sharenet``, ``shareipc`` or ``shareuts``."""
    namespaces: Any = next((one for one in config.extensions if type(one).tag == "namespace"), None)
    return getattr(namespaces, tag) if namespaces is not None else None


def namespaces(config: Domain, named: Callable[[str, str], str]) -> Lines:
    """Whose namespaces are used; ``named`` is what liblxc calls that of another container (kind, name)."""
    for tag, kind in (("sharenet", "net"), ("shareipc", "ipc"), ("shareuts", "uts")):
        if (whose := shared(config, tag)) is None:
            continue
        match whose.type:
            case "netns":
                value = f"/run/netns/{whose.value}"
            case "pid":
                value = whose.value
            case _:
                value = named(kind, whose.value)
        yield f"lxc.namespace.share.{kind}", value


def devices(config: Domain, version: int | None, number: Callable[[str], str], *options: str) -> Lines:
    """The devices that may be used, by the version of control groups (None: nobody says which), and are shown.

    ``number`` is ``b 8:16`` for the path of a device; ``options`` are those of each mount beside the necessary."""
    prefix = {1: "lxc.cgroup.devices", 2: "lxc.cgroup2.devices"}.get(version or 0)
    if prefix is not None:
        yield f"{prefix}.deny", "a"
        for rule in DEVICES:
            yield f"{prefix}.allow", f"{rule} rwm"
    held: Any = config.devices
    for one in held.hostdevs if held is not None else ():
        if one.mode != "capabilities":
            raise refusal(f"<hostdev mode={one.mode!r}>", one)
        if one.type == "net":
            continue
        path = device_path(one)
        if prefix is not None:
            yield f"{prefix}.allow", f"{number(path)} {access(one)}"
        yield "lxc.mount.entry", filesystems.entry(path, path, "none", ["bind", "create=file", *options])


def device_path(device: Any) -> str:
    """The device file of a ``<hostdev mode='capabilities'>``."""
    return str(device.source.block if device.type == "storage" else device.source.char)


def access(device: Any) -> str:
    """What may be done with a device, as control groups have it."""
    return f"{'r' if device.readonly else 'rw'}m"


def limits(
    config: Domain,
    where: Hierarchies,
    *,
    implied: bool = True,
    number: Callable[[str], str] = quantities.device_number,
) -> Lines:
    """Limits and weights of control groups; see :func:`polyvisor_lxc.quantities.of`."""
    for controller, name, text in quantities.of(config, where, implied=implied, number=number):
        prefix = "lxc.cgroup" if where.version(controller) == 1 else "lxc.cgroup2"
        yield f"{prefix}.{name}", text
