"""A domain as what liblxc is told: its configuration file and the program to run.

Keys are those of lxc.container.conf(5) as of liblxc 3. Every value is written by :class:`Configuration`, which refuses
what a line of that file cannot hold, so that nothing a document says can become a line of its own.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from polyvisor.errors import UnsupportedConfiguration
from polyvisor_lxc import confinement
from polyvisor_lxc.importing_networks import IPVLAN_MODELS
from polyvisor_lxc.support import refusal

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor_lxc.cgroups import Hierarchies

DEVICES = ("c 1:3", "c 1:5", "c 1:7", "c 1:8", "c 1:9", "c 5:0", "c 5:1", "c 5:2", "c 10:229", "c 136:*")
"""What every container may use: null, zero, full, random, urandom, tty, console, ptmx, fuse and pseudo-terminals."""

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def _no_namespace(kind: str, name: str) -> str:
    raise UnsupportedConfiguration(f"the {kind} namespace of {name!r} is not known here", driver="lxc")


@dataclass(frozen=True, slots=True)
class Place:
    """What of the host a configuration depends on.

    :param hierarchies: where control groups are, which decides between their keys of version 1 and 2.
    :param ids: first host id and count for a container without ``<idmap>``; None without a user namespace.
    :param owner: user and group who become the root of a container without ``<idmap>``, and whose files are the
        container's, where they may not shift ids; None for root, who may.
    :param console: file for what is printed on the first console.
    :param seccomp: file of the seccomp policy, ``journal`` that of liblxc's log, ``hook`` the script to run after
        the end; "" for none.
    :param idmapped_root: whether liblxc can shift the ids of a root directory while mounting it.
    :param apparmor: whether the kernel has AppArmor.
    :param namespace: what liblxc calls the namespace (``net``, ``ipc``, ``uts``) of another container, by name.
    """

    hierarchies: Hierarchies
    ids: tuple[int, int] | None = None
    owner: tuple[int, int] | None = None
    console: str = ""
    seccomp: str = ""
    journal: str = ""
    hook: str = ""
    idmapped_root: bool = True
    apparmor: bool = False
    namespace: Callable[[str, str], str] = _no_namespace


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start: the lines of the configuration file and the command of init."""

    lines: tuple[tuple[str, str], ...]
    command: tuple[str, ...]
    root: str | None

    @property
    def text(self) -> str:
        """The configuration file."""
        return "".join(f"{key} = {value}\n" for key, value in self.lines)


@dataclass(slots=True)
class Configuration:
    """Lines in the making."""

    lines: list[tuple[str, str]] = field(default_factory=list)

    def set(self, key: str, value: object) -> None:
        """Add a line. Raises UnsupportedConfiguration for a value that no line can hold."""
        text = str(value)
        if any(ord(character) < 32 for character in text):
            raise UnsupportedConfiguration(
                f"{key} cannot hold {text!r}: a line of liblxc's configuration has no control characters",
                driver="lxc",
            )
        if text != text.strip() or (text[:1] in "'\"" and text):
            text = f'"{text}"'  # liblxc takes one pair of quotes and the space around a value away
        self.lines.append((key, text))

    def mount(self, source: str, target: str, kind: str, *options: str) -> None:
        """Add a mount, in the notation of fstab(5)."""
        words = (source, target.lstrip("/"), kind, ",".join(options) or "defaults")
        self.set("lxc.mount.entry", " ".join([*map(_fstab, words), "0", "0"]))


def _fstab(word: str) -> str:
    return word.replace("\\", "\\134").replace(" ", "\\040").replace("\t", "\\011")


def compose(config: Domain, place: Place) -> Plan:
    """The plan for a completed document. Raises UnsupportedConfiguration for what cannot be done."""
    lines = Configuration()
    held: Any = config.devices
    confined = confinement.of(config)
    root = next((each for each in held.filesystems if each.target.dir == "/"), None)
    mapped = _ids(config, lines, place, confined)
    lines.set("lxc.uts.name", hostname(config.name))
    shifts = mapped and config.idmap is None and place.owner is None
    _root(lines, root, shifted=shifts, place=place)
    _confinement(config, lines, place, confined)
    _filesystems(lines, held.filesystems, shifted=shifts)
    own_network = networks(config, lines)
    _automatic_mounts(lines, confined, own_network=own_network or not mapped, rooted=root is not None)
    _consoles(lines, held.consoles, place)
    _devices(lines, held.hostdevs, place)
    _resources(config, lines, place)
    _namespaces(config, lines, place)
    _init(config, lines)
    if place.hook:
        lines.set("lxc.hook.version", 1)
        lines.set("lxc.hook.post-stop", f"/bin/sh {place.hook}")
    if place.journal:
        lines.set("lxc.log.file", place.journal)
        lines.set("lxc.log.level", "INFO")
    command = (config.os.init or "/sbin/init", *config.os.init_arguments)
    return Plan(tuple(lines.lines), command, root_path(root))


def hostname(name: str) -> str:
    """The name of a domain as a host name: letters, digits, dots and hyphens, at most 63."""
    made = "".join(each if each.isascii() and (each.isalnum() or each in ".-") else "-" for each in name)
    return made.strip(".-")[:63] or "container"


def root_path(root: Any) -> str | None:
    """The directory of the host that is the container's root, None where it is none of the host's."""
    if root is None:
        return "/"
    return root.source.dir if root.type in ("mount", "bind") else None


# -- root and mounts --------------------------------------------------------------------------------------


def _root(lines: Configuration, root: Any, *, shifted: bool, place: Place) -> None:
    if root is None or (root.type in ("mount", "bind") and root.source.dir == "/"):
        return  # the host's own
    match root.type:
        case "mount" | "bind":
            lines.set("lxc.rootfs.path", f"dir:{root.source.dir}")
        case "file":
            kind = "nbd" if root.driver is not None and root.driver.type == "nbd" else "loop"
            lines.set("lxc.rootfs.path", f"{kind}:{root.source.file}")
        case "block":
            lines.set("lxc.rootfs.path", root.source.dev)
        case _:
            raise refusal(f"a root of <filesystem type={str(root.type)!r}>", root)
    options = ["ro"] if root.readonly else []
    if shifted:
        if not place.idmapped_root:
            raise refusal(
                "a user namespace without <idmap>",
                root,
                why="needs liblxc 5, which shifts ids while mounting; write an <idmap>, or "
                "<container:confinement userns='no'/>",
            )
        options.append("idmap=container")
    if options:
        lines.set("lxc.rootfs.options", ",".join(options))


def _filesystems(lines: Configuration, filesystems: list[Any], *, shifted: bool) -> None:
    for one in filesystems:
        if one.target.dir != "/":
            lines.mount(*mount_words(one, shifted=shifted))


def mount_words(one: Any, *, shifted: bool) -> tuple[str, ...]:
    """A filesystem that is not the root, as source, target, type and options of a mount."""
    target, readonly = one.target.dir, ["ro"] if one.readonly else []
    match one.type:
        case "mount" | "bind":
            kind = "dir" if not os.path.isfile(one.source.dir) else "file"
            options = ["rbind" if not shifted else "bind", f"create={kind}", *readonly]
            return one.source.dir, target, "none", *options, *(["idmap=container"] if shifted else [])
        case "ram":
            return "tmpfs", target, "tmpfs", f"size={ram_bytes(one)}", "create=dir", *readonly
        case "file":
            return one.source.file, target, _format(one), "loop", "create=dir", *readonly
        case "block":
            return one.source.dev, target, _format(one), "create=dir", *readonly
    raise refusal(f"<filesystem type={str(one.type)!r}>", one)


def _format(one: Any) -> str:
    named = one.driver.format if one.driver is not None else None
    return named if named not in (None, "raw") else "auto"


def ram_bytes(one: Any) -> int:
    """The size of a file system in memory; ``usage`` counts KiB unless ``units`` says otherwise."""
    from polyvisor.units import scaled

    return int(scaled(one.source.usage, one.source.units or "KiB"))


def _automatic_mounts(lines: Configuration, confined: confinement.Confined, *, own_network: bool, rooted: bool) -> None:
    mode = "mixed" if confined.sysro else "rw"
    system = ["sys:ro" if confined.sysro else "sys:rw"] if own_network else []
    lines.set("lxc.mount.auto", " ".join([f"proc:{mode}", *system]))
    if not own_network:
        # the kernel lets sysfs be mounted by who owns the network namespace only (sysfs(5))
        lines.mount("/sys", "sys", "none", "rbind", *(["ro"] if confined.sysro else []), "optional")


# -- ids, privileges --------------------------------------------------------------------------------------


def _ids(config: Domain, lines: Configuration, place: Place, confined: confinement.Confined) -> bool:
    """Write the map of ids; whether there is one."""
    if config.idmap is not None:
        for letter, ranges in (("u", config.idmap.uids), ("g", config.idmap.gids)):
            for each in ranges:
                lines.set("lxc.idmap", f"{letter} {each.start} {each.target} {each.count}")
        return True
    if place.ids is None or not confined.userns:
        return False
    first, count = place.ids
    for letter, owner in zip("ug", place.owner or (None, None), strict=True):
        if owner is None:
            lines.set("lxc.idmap", f"{letter} 0 {first} {count}")
        else:
            lines.set("lxc.idmap", f"{letter} 0 {owner} 1")
            lines.set("lxc.idmap", f"{letter} 1 {first} {count - 1}")
    return True


def _confinement(config: Domain, lines: Configuration, place: Place, confined: confinement.Confined) -> None:
    drop, keep = confinement.dropped(config)
    if keep is not None:
        lines.set("lxc.cap.keep", " ".join(keep) or "none")
    elif drop:
        lines.set("lxc.cap.drop", " ".join(drop))
    if confined.nonewprivs:
        lines.set("lxc.no_new_privs", 1)
    if confined.seccomp and place.seccomp:
        lines.set("lxc.seccomp.profile", place.seccomp)
    lines.set("lxc.apparmor.profile", _apparmor(config, place))
    if confined.masks:
        for path in confinement.MASKED_FILES:
            lines.mount("/dev/null", path, "none", "bind", "ro", "optional")
        for path in confinement.MASKED_DIRECTORIES:
            lines.mount("tmpfs", path, "tmpfs", "ro", "size=0", "optional")


def _apparmor(config: Domain, place: Place) -> str:
    label: Any = next((one for one in config.seclabels if one.model == "apparmor"), None)
    if label is not None and label.type == "static":
        return str(label.label)
    unlabelled = label is not None and label.type == "none"
    return "generated" if place.apparmor and not unlabelled else "unconfined"


# -- networks ---------------------------------------------------------------------------------------------


def networks(config: Domain, lines: Configuration) -> bool:
    """Write the interfaces; whether the container has a network of its own."""
    held: Any = config.devices
    own = [one for one in held.hostdevs if one.mode == "capabilities" and one.type == "net"]
    shares = _shared(config, "sharenet") is not None
    private = bool(held.interfaces or own or (config.features is not None and config.features.privnet))
    if shares:
        return False
    if not private:
        lines.set("lxc.net.0.type", "none")
        return False
    number = 0
    for interface in held.interfaces:
        _interface(lines, f"lxc.net.{number}", interface)
        number += 1
    for hostdev in own:
        lines.set(f"lxc.net.{number}.type", "phys")
        lines.set(f"lxc.net.{number}.link", hostdev.source.interface)
        lines.set(f"lxc.net.{number}.flags", "up")
        _addresses(lines, f"lxc.net.{number}", hostdev)
        number += 1
    if not number:
        lines.set("lxc.net.0.type", "empty")
    return True


IPVLAN_MODES = {model: mode for mode, model in IPVLAN_MODELS.items()} | {"ipvlan-l3": "l3"}
"""Model of a direct interface that is an ipvlan one -> its mode; any other model is a macvlan one."""

_MACVLAN_MODES = {None: "vepa", "vepa": "vepa", "bridge": "bridge", "private": "private", "passthrough": "passthru"}


def _interface(lines: Configuration, key: str, interface: Any) -> None:
    own_address = interface.model is None or interface.model.type not in IPVLAN_MODES
    match interface.type:
        case "bridge" | "network" | "ethernet":
            lines.set(f"{key}.type", "veth")
            bridge = getattr(interface.source, "bridge", None)
            if interface.type == "network" and bridge is None:
                raise refusal(
                    f"<source network={interface.source.network!r}>",
                    interface,
                    why="needs virtual networks, which there are none of yet; name a bridge",
                )
            if bridge is not None:
                lines.set(f"{key}.link", bridge)
            if interface.target is not None and interface.target.dev:
                lines.set(f"{key}.veth.pair", interface.target.dev)
        case "direct" if own_address:
            lines.set(f"{key}.type", "macvlan")
            lines.set(f"{key}.link", interface.source.dev)
            lines.set(f"{key}.macvlan.mode", _MACVLAN_MODES[interface.source.mode])
        case "direct":
            _ipvlan(lines, key, interface)
        case _:
            raise refusal(f"<interface type={str(interface.type)!r}>", interface)
    if interface.mac is not None and own_address:
        lines.set(f"{key}.hwaddr", interface.mac.address)
    if interface.mtu is not None:
        lines.set(f"{key}.mtu", interface.mtu.size)
    if interface.guest is not None and interface.guest.dev:
        lines.set(f"{key}.name", interface.guest.dev)
    if interface.link is None or interface.link.state == "up":
        lines.set(f"{key}.flags", "up")
    _addresses(lines, key, interface)


def _ipvlan(lines: Configuration, key: str, interface: Any) -> None:
    """An interface with the hardware address of the one it is on; the mode of its source is how it is isolated."""
    if interface.source.mode == "passthrough":
        raise refusal("<source mode='passthrough'>", interface, why="an ipvlan interface cannot have")
    lines.set(f"{key}.type", "ipvlan")
    lines.set(f"{key}.link", interface.source.dev)
    lines.set(f"{key}.ipvlan.mode", IPVLAN_MODES[interface.model.type])
    lines.set(f"{key}.ipvlan.isolation", interface.source.mode or "bridge")


def _addresses(lines: Configuration, key: str, device: Any) -> None:
    for address in device.ips:
        version = "ipv6" if ":" in address.address else "ipv4"
        prefix = address.prefix if address.prefix is not None else (128 if version == "ipv6" else 32)
        lines.set(f"{key}.{version}.address", f"{address.address}/{prefix}")
    for route in device.routes:
        version = "ipv6" if ":" in route.gateway else "ipv4"
        if route.address not in ("0.0.0.0", "::"):
            raise refusal(f"<route address={route.address!r}>", route, why="is not a default route")
        lines.set(f"{key}.{version}.gateway", route.gateway)


# -- consoles and devices ---------------------------------------------------------------------------------


def _consoles(lines: Configuration, consoles: list[Any], place: Place) -> None:
    if not consoles:
        lines.set("lxc.console.path", "none")
    elif place.console:
        lines.set("lxc.console.logfile", place.console)
    lines.set("lxc.tty.max", max(0, len(consoles) - 1))
    lines.set("lxc.pty.max", 1024)


def _devices(lines: Configuration, hostdevs: list[Any], place: Place) -> None:
    # only root may say which devices a group uses; to other users' containers the files' permissions say it, and the
    # kernel lets them make none (user_namespaces(7))
    version = place.hierarchies.version("devices") if place.owner is None else None
    prefix = {1: "lxc.cgroup.devices", 2: "lxc.cgroup2.devices"}.get(version or 0)
    if prefix is not None:
        lines.set(f"{prefix}.deny", "a")
        for rule in DEVICES:
            lines.set(f"{prefix}.allow", f"{rule} rwm")
    for one in hostdevs:
        if one.mode != "capabilities":
            raise refusal(f"<hostdev mode={one.mode!r}>", one)
        if one.type == "net":
            continue
        path = one.source.block if one.type == "storage" else one.source.char
        if prefix is not None:
            lines.set(f"{prefix}.allow", f"{device_rule(path)} {'r' if one.readonly else 'rw'}m")
        lines.mount(path, path, "none", "bind", "create=file", "optional")


def device_rule(path: str) -> str:
    """A device file as control groups name it: ``b 8:16``. Raises UnsupportedConfiguration for what is none."""
    import stat

    try:
        found = os.stat(path)
    except OSError as error:
        raise UnsupportedConfiguration(
            f"the device {path} cannot be used: {error.strerror}",
            driver="lxc",
            hint="name a device file of this host in the <source> of <hostdev>",
        ) from error
    letter = "b" if stat.S_ISBLK(found.st_mode) else "c" if stat.S_ISCHR(found.st_mode) else None
    if letter is None:
        raise UnsupportedConfiguration(f"{path} is not a device", driver="lxc")
    return f"{letter} {os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"


# -- resources --------------------------------------------------------------------------------------------


def _resources(config: Domain, lines: Configuration, place: Place) -> None:
    from polyvisor_lxc import quantities

    if config.resource is not None and config.resource.partition not in (None, "/", "/machine"):
        lines.set("lxc.cgroup.dir", f"{config.resource.partition.strip('/')}/{hostname(config.name)}.lxc")
    for controller, name, text in quantities.of(config, place.hierarchies):
        prefix = "lxc.cgroup" if place.hierarchies.version(controller) == 1 else "lxc.cgroup2"
        lines.set(f"{prefix}.{name}", text)


# -- namespaces and init ----------------------------------------------------------------------------------


def _shared(config: Domain, tag: str) -> Any:
    namespaces: Any = next((one for one in config.extensions if type(one).tag == "namespace"), None)
    return getattr(namespaces, tag) if namespaces is not None else None


def _namespaces(config: Domain, lines: Configuration, place: Place) -> None:
    for tag, kind in (("sharenet", "net"), ("shareipc", "ipc"), ("shareuts", "uts")):
        if (shared := _shared(config, tag)) is None:
            continue
        match shared.type:
            case "netns":
                value = f"/run/netns/{shared.value}"
            case "pid":
                value = shared.value
            case _:
                value = place.namespace(kind, shared.value)
        lines.set(f"lxc.namespace.share.{kind}", value)


def _init(config: Domain, lines: Configuration) -> None:
    boot = config.os
    variables = {
        "PATH": _PATH,
        "TERM": "linux",
        "container_uuid": config.uuid or "",
        "LIBVIRT_LXC_UUID": config.uuid or "",
        "LIBVIRT_LXC_NAME": config.name,
        **{one.name: one.value for one in boot.init_environment},
    }
    for name, value in variables.items():
        lines.set("lxc.environment", f"{name}={value}")
    if boot.init_directory:
        lines.set("lxc.init.cwd", boot.init_directory)
    for key, account, table in (("uid", boot.init_user, "passwd"), ("gid", boot.init_group, "group")):
        if account:
            lines.set(f"lxc.init.{key}", _number(config, account, table))


def _number(config: Domain, name: str, table: str) -> int:
    """A user or group of the container by number (``+1000``, ``1000``) or by name, looked up in its own table."""
    if name.lstrip("+").isdigit():
        return int(name.lstrip("+"))
    held: Any = config.devices
    root = root_path(next((each for each in held.filesystems if each.target.dir == "/"), None))
    if root is not None:
        try:
            with open(f"{root}/etc/{table}", encoding="utf-8", errors="replace") as file:
                for line in file:
                    fields = line.rstrip("\n").split(":")
                    if len(fields) > 2 and fields[0] == name and fields[2].isdigit():
                        return int(fields[2])
        except FileNotFoundError:
            pass  # told below
    raise UnsupportedConfiguration(
        f"the container has no {'user' if table == 'passwd' else 'group'} {name!r} in its /etc/{table}",
        driver="lxc",
        hint="write the number",
    )
