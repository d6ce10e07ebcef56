"""A liblxc configuration as a domain document.

What the keys mean is lxc.container.conf(5). A setting a document has no words for is refused by name where the
container would be another one without it, and told to the log where it would not.
"""

from __future__ import annotations

import logging
import os.path
import re
import shlex
from collections.abc import Callable
from typing import Literal

from polyvisor.documents import Element
from polyvisor.errors import InvalidArgument, UnsupportedConfiguration
from polyvisor.model.domain import Devices, Domain, DomainType, Features, GuestType, OperatingSystem, OsType
from polyvisor.model.domain.clock import HostClock
from polyvisor.model.domain.devices.chardev import CharacterType, Console, ConsoleTarget, ConsoleTargetType
from polyvisor.model.domain.events import CrashAction, LifecycleAction
from polyvisor.model.domain.features import LinuxCapabilities, Switch
from polyvisor.model.domain.memory import Kibibytes, Memory
from polyvisor.model.domain.os import Architecture, InitVariable
from polyvisor.model.domain.security import IdMap, IdRange, SecurityLabel, StaticLabel
from polyvisor.model.domain.tuning import BlockIoDevice, BlockIoTune, CpuTune, MemTune, NumaMemory, NumaTune, Vcpu
from polyvisor.units import parse_size
from polyvisor_lxc import importing_mounts, importing_networks
from polyvisor_lxc.configfile import Configuration, Setting, parse
from polyvisor_lxc.confinement import DROPPED
from polyvisor_lxc.model import Namespaces, ShareHostname, ShareIpc, ShareNetwork

log = logging.getLogger(__name__)

DEFAULT_MEMORY = 64 * 1024 * 1024
"""Bytes of a container whose configuration limits none; a document has to name some, and nothing enforces these."""

ARCHITECTURES: dict[str, Architecture] = {
    "x86": "i686",
    "i386": "i686",
    "i486": "i686",
    "i586": "i686",
    "i686": "i686",
    "athlon": "i686",
    "linux32": "i686",
    "amd64": "x86_64",
    "x86_64": "x86_64",
    "linux64": "x86_64",
    "arm64": "aarch64",
    "aarch64": "aarch64",
    "arm": "armv7l",
    "armhf": "armv7l",
    "armel": "armv7l",
    "armv7l": "armv7l",
    "mips": "mips",
    "mipsel": "mipsel",
    "mips64": "mips64",
    "mips64el": "mips64el",
    "ppc": "ppc",
    "powerpc": "ppc",
    "ppc64": "ppc64",
    "ppc64le": "ppc64le",
    "ppc64el": "ppc64le",
    "riscv64": "riscv64",
    "loongarch64": "loongarch64",
    "s390x": "s390x",
}
"""What lxc.arch may say -> the architecture of a document."""

NETWORK_NAMESPACES = ("/run/netns", "/var/run/netns")
"""Where ip-netns(8) keeps the network namespaces that have names."""

WITHOUT_A_PLACE = (
    "lxc.apparmor.allow_",
    "lxc.autodev",
    "lxc.cgroup.dir",
    "lxc.cgroup.relative",
    "lxc.console.",
    "lxc.ephemeral",
    "lxc.group",
    "lxc.hook.version",
    "lxc.kmsg",
    "lxc.log.",
    "lxc.monitor.",
    "lxc.mount.auto",
    "lxc.pivotdir",
    "lxc.pty.max",
    "lxc.rootfs.",
    "lxc.signal.",
    "lxc.start.",
    "lxc.tty.",
)
"""Prefixes of keys that say how liblxc goes about its work, not what the container is."""


def from_configuration(text: str) -> Domain:
    """The domain that a liblxc configuration file (of any version) describes.

    Raises InvalidArgument for a file that cannot be right, UnsupportedConfiguration for settings a document cannot
    say and the container would be another one without."""
    settings = parse(text)
    _refuse(settings)
    networking = importing_networks.read(settings)
    domain = Domain(
        type=DomainType.LXC,
        name=_name(settings),
        memory=Memory.of(DEFAULT_MEMORY),
        vcpu=Vcpu(count=1),
        os=_system(settings),
        idmap=_idmap(settings),
        features=Features(privnet=networking.private, capabilities=_capabilities(settings)),
        clock=HostClock(offset="utc"),
        on_poweroff=LifecycleAction.DESTROY,
        on_reboot=LifecycleAction.RESTART,
        on_crash=CrashAction.DESTROY,
        devices=Devices(
            filesystems=importing_mounts.read(settings),
            interfaces=networking.interfaces,
            consoles=_consoles(settings),
            hostdevs=[*networking.hostdevs, *importing_mounts.devices(settings)],
        ),
        seclabels=_labels(settings),
        extensions=_namespaces(settings),
    )
    for tune in (_memory, _processors, _block, _start_place):
        tune(settings, domain)
    for setting in settings.settings:
        if setting.key not in _UNDERSTOOD and not setting.key.startswith((*WITHOUT_A_PLACE, *_TUNED)):
            log.warning("line %d: a domain document has no place for %s; left out", setting.line, setting.key)
    return domain


def _start_place(settings: Configuration, domain: Domain) -> None:
    """When it starts among those that start with the host; that it does is no part of a document."""
    from polyvisor.operations.configuration import MetadataKind
    from polyvisor.operations.metadata import write_metadata
    from polyvisor.operations.startplace import NAMESPACE, PREFIX, StartPlace

    order, delay = settings.get("lxc.start.order"), settings.get("lxc.start.delay")
    if order is None and delay is None:
        return
    try:
        place = StartPlace(int(order or 0), float(delay) if delay is not None else None)
    except ValueError:
        raise InvalidArgument(
            f"lxc.start.order {order!r} or lxc.start.delay {delay!r} is no whole number", driver="lxc"
        ) from None
    write_metadata(domain, MetadataKind.ELEMENT, place.xml, uri=NAMESPACE, key=PREFIX)


def _refuse(settings: Configuration) -> None:
    for key, why in _REFUSED.items():
        if found := settings.get(key):
            raise UnsupportedConfiguration(f"{key} = {found} has no place in a domain document: {why}")


_REFUSED = {
    "lxc.mount.fstab": "its mounts stand in another file; write them as lxc.mount.entry lines",
    "lxc.namespace.share.user": "only the network, IPC and UTS namespaces can be shared",
    "lxc.namespace.share.pid": "only the network, IPC and UTS namespaces can be shared",
    "lxc.namespace.share.mnt": "only the network, IPC and UTS namespaces can be shared",
    "lxc.namespace.share.cgroup": "only the network, IPC and UTS namespaces can be shared",
    "lxc.namespace.clone": "a document names the namespaces that are shared, not those that are made",
}


def _name(settings: Configuration) -> str:
    name = settings.get("lxc.uts.name")
    if name is None:
        raise InvalidArgument("the configuration has no lxc.uts.name, which becomes the domain's name")
    return name


def _number(setting: Setting, *, least: int = 0) -> int:
    try:
        number = int(setting.value)
    except ValueError:
        number = least - 1
    if number < least:
        raise InvalidArgument(f"line {setting.line}: {setting.key} = {setting.value}: a whole number is expected")
    return number


def _last(settings: Configuration, *keys: str) -> Setting | None:
    return next((each for each in reversed(settings.settings) if each.key in keys and each.value), None)


# -- the system ------------------------------------------------------------------------------------------------


def _system(settings: Configuration) -> OperatingSystem:
    command = shlex.split(settings.get("lxc.init.cmd") or settings.get("lxc.execute.cmd") or "/sbin/init")
    return OperatingSystem(
        type=GuestType(value=OsType.EXE, arch=_architecture(settings)),
        init=command[0],
        init_arguments=command[1:],
        init_environment=[_variable(each) for each in settings.every("lxc.environment")],
        init_directory=settings.get("lxc.init.cwd"),
        init_user=settings.get("lxc.init.uid"),
        init_group=settings.get("lxc.init.gid"),
    )


def _architecture(settings: Configuration) -> Architecture | None:
    setting = _last(settings, "lxc.arch")
    if setting is None:
        return None
    if setting.value not in ARCHITECTURES:
        raise InvalidArgument(
            f"line {setting.line}: lxc.arch = {setting.value} is no architecture known here",
            hint=f"known: {', '.join(sorted(ARCHITECTURES))}",
        )
    return ARCHITECTURES[setting.value]


def _variable(setting: Setting) -> InitVariable:
    name, equals, value = setting.value.partition("=")
    if not equals:  # liblxc takes the value from the environment it is started in
        value = ""
        log.warning("line %d: the value of %s comes from whoever starts the container; left empty", setting.line, name)
    return InitVariable(name=name.strip(), value=value)


def _idmap(settings: Configuration) -> IdMap | None:
    ranges: dict[str, list[IdRange]] = {"u": [], "g": []}
    for setting in settings.every("lxc.idmap"):
        kind, *numbers = setting.value.split()
        if (kind not in ranges and kind != "b") or len(numbers) != 3 or not all(each.isdigit() for each in numbers):
            raise InvalidArgument(
                f"line {setting.line}: {setting.key} = {setting.value}: 'u' or 'g' and three numbers are expected"
            )
        start, target, count = map(int, numbers)
        for each in "ug" if kind == "b" else kind:
            ranges[each].append(IdRange(start=start, target=target, count=count))
    return IdMap(uids=ranges["u"], gids=ranges["g"]) if any(ranges.values()) else None


def _capabilities(settings: Configuration) -> LinuxCapabilities:
    """The policy ``default`` where all of this driver's default is dropped, ``deny`` where some are kept as the only
    ones, otherwise ``allow``."""
    known = {field.attr for field in LinuxCapabilities.fields()} - {"policy"}
    kept, dropped = _listed(settings, "lxc.cap.keep"), _listed(settings, "lxc.cap.drop")
    default, unsayable = set(DROPPED), set(DROPPED) - known
    policy: Literal["default", "allow", "deny"]
    if kept is not None:
        policy, said = "deny", dict.fromkeys(kept, True)
    elif dropped and unsayable <= dropped.keys():
        policy = "default"
        said = dict.fromkeys(dropped.keys() - default, False) | dict.fromkeys(default - dropped.keys(), True)
    else:
        policy, said = "allow", dict.fromkeys(dropped or (), False)
    for name in sorted(said.keys() - known):
        setting = (kept if kept is not None else dropped or {})[name]
        log.warning("line %d: %s is no capability a document can name; left out", setting.line, name)
    return LinuxCapabilities(policy=policy, **{name: Switch(state=said[name]) for name in said if name in known})


def _listed(settings: Configuration, key: str) -> dict[str, Setting] | None:
    """Capability -> the line that names it; None when the key does not stand there."""
    found: dict[str, Setting] | None = None
    for setting in settings.every(key):
        for name in setting.value.split():
            found = {} if found is None or name == "none" else found
            if name != "none":
                found[name] = setting
    return found


def _consoles(settings: Configuration) -> list[Console]:
    setting = _last(settings, "lxc.tty.max")
    count = _number(setting) if setting else 0
    return [
        Console(type=CharacterType.PTY, target=ConsoleTarget(type=ConsoleTargetType.LXC, port=port))
        for port in range(count)
    ]


def _labels(settings: Configuration) -> list[SecurityLabel]:
    labels: list[SecurityLabel] = []
    for model, key in (("apparmor", "lxc.apparmor.profile"), ("selinux", "lxc.selinux.context")):
        label = settings.get(key)
        if label and label not in ("unconfined", "unchanged", "generated"):
            labels.append(StaticLabel(type="static", model=model, relabel=False, label=label))
    return labels


def _namespaces(settings: Configuration) -> list[Element]:
    net = settings.get("lxc.namespace.share.net")
    ipc, uts = (settings.get("lxc.namespace.share." + name) for name in ("ipc", "uts"))
    kept = {name for each in settings.every("lxc.namespace.keep") for name in each.value.split()}
    if unsaid := kept - {"net"}:
        raise UnsupportedConfiguration(
            f"lxc.namespace.keep = {' '.join(sorted(unsaid))}: a document cannot say that these are the host's own",
        )
    if not (net or ipc or uts):
        return []
    shared = Namespaces()
    if net:
        kind, value = _whose(net)
        shared.sharenet = ShareNetwork(type=kind, value=value)
    if ipc:
        shared.shareipc = ShareIpc(type=_kind(ipc), value=_whose(ipc)[1])
    if uts:
        shared.shareuts = ShareHostname(type=_kind(uts), value=_whose(uts)[1])
    return [shared]


def _kind(value: str) -> Literal["name", "pid"]:
    """How a namespace that no directory holds is named."""
    return "pid" if value.isdigit() else "name"


def _whose(value: str) -> tuple[Literal["netns", "name", "pid"], str]:
    """What a shared namespace is named by: a process or a container (with or without its directory)."""
    directory, name = os.path.split(value.rstrip("/"))
    if directory in NETWORK_NAMESPACES:
        return "netns", name
    return _kind(value), name


# -- resources -------------------------------------------------------------------------------------------------


def _size(setting: Setting) -> int | None:
    """Bytes; None for no limit."""
    if setting.value in ("-1", "max"):
        return None
    try:
        return int(parse_size(setting.value))
    except InvalidArgument:
        raise InvalidArgument(f"line {setting.line}: {setting.key} = {setting.value}: a size is expected") from None


def _memory(settings: Configuration, domain: Domain) -> None:
    tune = MemTune()
    limit = _limit(settings, "lxc.cgroup.memory.limit_in_bytes", "lxc.cgroup2.memory.max")
    if limit is not None:
        domain.memory = Memory.of(limit)
        tune.hard_limit = Kibibytes.of(limit)
    soft = _limit(settings, "lxc.cgroup.memory.soft_limit_in_bytes", "lxc.cgroup2.memory.high")
    if soft is not None:
        tune.soft_limit = Kibibytes.of(soft)
    low = _limit(settings, "lxc.cgroup2.memory.min")
    if low is not None:
        tune.min_guarantee = Kibibytes.of(low)
    both = _limit(settings, "lxc.cgroup.memory.memsw.limit_in_bytes")
    swap = _limit(settings, "lxc.cgroup2.memory.swap.max")
    if both is None and swap is not None and limit is not None:  # version 2 counts swap apart from memory
        both = limit + swap
    if both is not None:
        tune.swap_hard_limit = Kibibytes.of(both)
    if tune != MemTune():
        domain.memtune = tune


def _limit(settings: Configuration, *keys: str) -> int | None:
    setting = _last(settings, *keys)
    return _size(setting) if setting else None


def _processors(settings: Configuration, domain: Domain) -> None:
    tune = CpuTune()
    if setting := _last(settings, "lxc.cgroup.cpu.shares", "lxc.cgroup2.cpu.weight"):
        tune.shares = _number(setting)
    if setting := _last(settings, "lxc.cgroup.cpu.cfs_quota_us"):
        tune.quota = _number(setting, least=-1)
    if setting := _last(settings, "lxc.cgroup.cpu.cfs_period_us"):
        tune.period = _number(setting)
    if setting := _last(settings, "lxc.cgroup2.cpu.max"):
        quota, _, period = setting.value.partition(" ")
        tune.quota = -1 if quota == "max" else _number(Setting(setting.key, quota, setting.line))
        tune.period = _number(Setting(setting.key, period.strip() or "100000", setting.line))
    if tune != CpuTune():
        domain.cputune = tune
    if (setting := _last(settings, "lxc.cgroup.cpuset.cpus", "lxc.cgroup2.cpuset.cpus")) and domain.vcpu:
        domain.vcpu.cpuset = setting.value
        domain.vcpu.placement = "static"
    if setting := _last(settings, "lxc.cgroup.cpuset.mems", "lxc.cgroup2.cpuset.mems"):
        domain.numatune = NumaTune(memory=NumaMemory(mode="strict", nodeset=setting.value))


THROTTLES = {
    "lxc.cgroup.blkio.bfq.weight_device": "weight",
    "lxc.cgroup.blkio.device_weight": "weight",
    "lxc.cgroup.blkio.weight_device": "weight",
    "lxc.cgroup.blkio.throttle.read_bps_device": "read_bytes_sec",
    "lxc.cgroup.blkio.throttle.write_bps_device": "write_bytes_sec",
    "lxc.cgroup.blkio.throttle.read_iops_device": "read_iops_sec",
    "lxc.cgroup.blkio.throttle.write_iops_device": "write_iops_sec",
}
"""Key of a limit of one block device -> the field of ``<device>`` below ``<blkiotune>``."""

WEIGHTS = (
    "lxc.cgroup.blkio.weight",
    "lxc.cgroup.blkio.bfq.weight",
    "lxc.cgroup2.io.weight",
    "lxc.cgroup2.io.bfq.weight",
)
"""Keys of weights: of the whole container, and in version 2 of single devices too."""

LIMITS = {"rbps": "read_bytes_sec", "wbps": "write_bytes_sec", "riops": "read_iops_sec", "wiops": "write_iops_sec"}
"""The same in ``io.max`` of the unified hierarchy."""

_DEVICE = re.compile(r"(\d+:\d+)\s+(.+)", re.ASCII)


def _block(settings: Configuration, domain: Domain) -> None:
    tune = BlockIoTune()
    devices: dict[str, BlockIoDevice] = {}

    def device(number: str) -> BlockIoDevice:
        return devices.setdefault(number, BlockIoDevice(path=f"/dev/block/{number}"))

    for setting in settings.settings:
        if setting.key in WEIGHTS:
            whole = setting.value.removeprefix("default").strip()
            if found := _DEVICE.fullmatch(whole):
                device(found[1]).weight = _number(Setting(setting.key, found[2], setting.line))
            elif whole:
                tune.weight = _number(Setting(setting.key, whole, setting.line))
        elif setting.key in THROTTLES or setting.key == "lxc.cgroup2.io.max":
            _throttle(setting, device)
    tune.devices = list(devices.values())
    if tune != BlockIoTune():
        domain.blkiotune = tune


def _throttle(setting: Setting, device: Callable[[str], BlockIoDevice]) -> None:
    found = _DEVICE.fullmatch(setting.value)
    if found is None:
        raise InvalidArgument(
            f"line {setting.line}: {setting.key} = {setting.value}: a device as MAJOR:MINOR and a limit are expected"
        )
    if setting.key in THROTTLES:
        setattr(device(found[1]), THROTTLES[setting.key], _number(Setting(setting.key, found[2], setting.line)))
        return
    for part in found[2].split():
        name, _, value = part.partition("=")
        if name not in LIMITS:
            raise InvalidArgument(f"line {setting.line}: {setting.key}: {name} is none of {', '.join(LIMITS)}")
        if value != "max":
            setattr(device(found[1]), LIMITS[name], _number(Setting(setting.key, value, setting.line)))


_UNDERSTOOD = frozenset(
    "lxc.arch lxc.uts.name lxc.idmap lxc.cap.drop lxc.cap.keep lxc.environment lxc.init.cmd lxc.execute.cmd "
    "lxc.init.cwd lxc.init.uid lxc.init.gid lxc.mount.entry lxc.apparmor.profile lxc.selinux.context "
    "lxc.namespace.keep lxc.namespace.share.net lxc.namespace.share.ipc lxc.namespace.share.uts".split()
)

_TUNED = (
    "lxc.cgroup.memory.",
    "lxc.cgroup2.memory.",
    "lxc.cgroup.cpu.",
    "lxc.cgroup2.cpu.",
    "lxc.cgroup.cpuset.",
    "lxc.cgroup2.cpuset.",
    "lxc.cgroup.blkio.",
    "lxc.cgroup2.io.",
    "lxc.cgroup.devices.",
    "lxc.cgroup2.devices.",
)
