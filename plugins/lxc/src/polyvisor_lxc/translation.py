"""A domain as what liblxc is told: its configuration file and the program to run.

Keys are those of lxc.container.conf(5) as of liblxc 3. Every value is written by :class:`Configuration`, which refuses
what a line of that file cannot hold, so that nothing a document says can become a line of its own.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from polyvisor.errors import UnsupportedConfiguration
from polyvisor_lxc import confinement, declared, filesystems, links, sections, staging
from polyvisor_lxc.support import refusal

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor_lxc.cgroups import Hierarchies

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
    :param directory: where files that hooks read are to be; "" for no hooks.
    :param console: file for what is printed on the first console.
    :param seccomp: file of the seccomp policy, ``journal`` that of liblxc's log, ``hook`` the script to run after
        the end, ``hold`` the one to run before init begins; "" for none.
    :param idmapped_root: whether liblxc can shift the ids of a root directory while mounting it.
    :param apparmor: whether the kernel has AppArmor.
    :param namespace: what liblxc calls the namespace (``net``, ``ipc``, ``uts``) of another container, by name.
    """

    hierarchies: Hierarchies
    ids: tuple[int, int] | None = None
    owner: tuple[int, int] | None = None
    directory: str = ""
    console: str = ""
    seccomp: str = ""
    journal: str = ""
    hook: str = ""
    hold: str = ""
    idmapped_root: bool = True
    apparmor: bool = False
    namespace: Callable[[str, str], str] = _no_namespace


@dataclass(frozen=True, slots=True)
class Plan:
    """What to start: the lines of the configuration file and the command of init; ``files`` are what hooks read, by
    path."""

    lines: tuple[tuple[str, str], ...]
    command: tuple[str, ...]
    root: str | None
    files: tuple[tuple[str, str], ...] = ()

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

    def extend(self, lines: Iterable[tuple[str, str]]) -> None:
        """Add lines."""
        for key, value in lines:
            self.set(key, value)

    def mount(self, source: str, target: str, kind: str, *options: str) -> None:
        """Add a mount, in the notation of fstab(5)."""
        self.set("lxc.mount.entry", filesystems.entry(source, target, kind, options))


def compose(config: Domain, place: Place) -> Plan:
    """The plan for a completed document. Raises UnsupportedConfiguration for what cannot be done."""
    lines = Configuration()
    held: Any = config.devices
    confined = confinement.of(config)
    root = next((each for each in held.filesystems if each.target.dir == "/"), None)
    mapped = _ids(config, lines, place, confined)
    lines.set("lxc.uts.name", hostname(config.name))
    shifts = mapped and config.idmap is None and place.owner is None
    _root(lines, root, shifted=shifts or filesystems.asks_shift(root, mapped=mapped), place=place)
    _confinement(config, lines, place, confined)
    for one in held.filesystems:
        if one is not root:
            shifted = shifts or filesystems.asks_shift(one, mapped=mapped)
            lines.mount(*filesystems.mount_words(one, shifted=shifted, staged=mapped and place.owner is None))
    own_network = networks(config, lines)
    _automatic_mounts(lines, confined, own_network=own_network or not mapped, rooted=root is not None)
    _consoles(lines, held.consoles, place)
    # only root may say which devices a group uses; to other users' containers the files' permissions say it, and the
    # kernel lets them make none (user_namespaces(7))
    version = place.hierarchies.version("devices") if place.owner is None else None
    lines.extend(declared.devices(config, version, device_rule, "optional"))
    _resources(config, lines, place)
    lines.extend(declared.namespaces(config, place.namespace))
    _init(config, lines)
    commands, files = links.hooks(config, place.directory) if place.directory else ([], [])
    for work in commands:
        lines.set("lxc.hook.version", 1)
        lines.set("lxc.hook.start-host", work)
    for key, script in (("start-host", place.hold), ("post-stop", place.hook)):
        if script:
            lines.set("lxc.hook.version", 1)
            lines.set(f"lxc.hook.{key}", shlex.join(["/bin/sh", script]))
    if place.journal:
        lines.set("lxc.log.file", place.journal)
        lines.set("lxc.log.level", "INFO")
    command = (config.os.init or "/sbin/init", *config.os.init_arguments)
    return Plan(tuple(lines.lines), command, root_path(root), tuple(files))


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
    filesystems.check(root)
    match root.type:
        case "mount" | "bind":
            lines.set("lxc.rootfs.path", f"dir:{root.source.dir}")
        case "file" | "block" if staging.is_image(root):
            lines.set("lxc.rootfs.path", f"dir:{staging.place(root)}")
        case "file":
            lines.set("lxc.rootfs.path", f"nbd:{root.source.file}")
        case _:
            raise refusal(f"a root of <filesystem type={str(root.type)!r}>", root)
    options = ["ro"] if root.readonly else []
    if shifted and staging.by_nbd(root):
        raise refusal("<driver type='nbd'>", root, why="wants an <idmap>, or <container:confinement userns='no'/>")
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
        lines.extend(declared.idmap(config))
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
    lines.extend(declared.capabilities(config))
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
    lines.extend(sections.settings(config, lambda network: None))
    return sections.own_network(config)


# -- consoles and devices ---------------------------------------------------------------------------------


def _consoles(lines: Configuration, consoles: list[Any], place: Place) -> None:
    if not consoles:
        lines.set("lxc.console.path", "none")
    elif place.console:
        lines.set("lxc.console.logfile", place.console)
    lines.set("lxc.tty.max", max(0, len(consoles) - 1))
    lines.set("lxc.pty.max", 1024)


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
    if config.resource is not None and config.resource.partition not in (None, "/", "/machine"):
        lines.set("lxc.cgroup.dir", f"{config.resource.partition.strip('/')}/{hostname(config.name)}.lxc")
    lines.extend(declared.limits(config, place.hierarchies))


# -- init -------------------------------------------------------------------------------------------------


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
    lines.extend(declared.init(config, lambda kind, name: _number(config, kind, name)))


def _number(config: Domain, kind: str, name: str) -> int:
    """The number of a user or group of the container, looked up in its own table."""
    table = "passwd" if kind == "user" else "group"
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
        f"the container has no {kind} {name!r} in its /etc/{table}",
        driver="lxc",
        hint="write the number",
    )
