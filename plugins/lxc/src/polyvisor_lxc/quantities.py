"""Limits and weights of a container as control groups have them, in version 1 and in version 2.

One function for each quantity of a document says which file holds it in each version and in which form; starting,
tuning and reading back all use these. The kernel documents the files in Documentation/admin-guide/cgroup-v1 and
cgroup-v2.rst.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from polyvisor.errors import UnsupportedConfiguration
from polyvisor_lxc.cgroups import UNLIMITED

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor_lxc.cgroups import Hierarchies

Setting = tuple[str, str, str]
"""Controller, control file, text."""

PERIOD = 100_000
"""Microseconds over which a quota counts where the document does not say."""


def of(
    config: Domain,
    where: Hierarchies,
    *,
    implied: bool = True,
    number: Callable[[str], str] | None = None,
) -> Iterator[Setting]:
    """What a document asks for, in the order in which it must be written.

    :param implied: whether ``<memory>`` is a limit where ``<memtune>`` says none.
    :param number: ``MAJOR:MINOR`` of a block device by its path; :func:`device_number` unless said otherwise.

    Raises UnsupportedConfiguration for what the version of control groups has no file for."""
    yield from _memory(config, where, implied=implied)
    yield from _cpu(config, where)
    yield from _blkio(config, where, number or device_number)


def _memory(config: Domain, where: Hierarchies, *, implied: bool) -> Iterator[Setting]:
    version = where.version("memory")
    if version is None:
        return
    tune = config.memtune
    asked = config.current_memory_kib if implied else None
    hard = tune.hard_limit.kib if tune is not None and tune.hard_limit is not None else asked
    soft = tune.soft_limit.kib if tune is not None and tune.soft_limit is not None else None
    swap = tune.swap_hard_limit.kib if tune is not None and tune.swap_hard_limit is not None else None
    least = tune.min_guarantee.kib if tune is not None and tune.min_guarantee is not None else None
    if hard:
        yield memory_limit(version, hard)
    if soft is not None:
        yield memory_soft_limit(version, soft)
    if swap is not None:
        yield swap_limit(version, swap, hard or 0)
    if least is not None:
        yield memory_guarantee(version, least)


def memory_limit(version: int, kib: int) -> Setting:
    """Memory in all."""
    return (
        ("memory", "memory.limit_in_bytes", _bytes(kib, "-1"))
        if version == 1
        else ("memory", "memory.max", _bytes(kib))
    )


def memory_soft_limit(version: int, kib: int) -> Setting:
    """What the container is pushed back to when memory is short."""
    if version == 1:
        return "memory", "memory.soft_limit_in_bytes", _bytes(kib, "-1")
    return "memory", "memory.high", _bytes(kib)


def memory_guarantee(version: int, kib: int) -> Setting:
    """What is never taken from the container, however short memory is."""
    if version == 1:
        raise UnsupportedConfiguration(
            "<min_guarantee> needs control groups of version 2", driver="lxc", hint="say a <soft_limit> for the others"
        )
    return "memory", "memory.min", _bytes(kib)


def swap_limit(version: int, kib: int, hard_kib: int) -> Setting:
    """Memory and swap together, as documents count it; version 2 counts swap alone."""
    if version == 1:
        return "memory", "memory.memsw.limit_in_bytes", _bytes(kib, "-1")
    return "memory", "memory.swap.max", _bytes(kib if kib >= UNLIMITED else max(0, kib - hard_kib))


def _bytes(kib: int, unlimited: str = "max") -> str:
    return unlimited if kib >= UNLIMITED else str(kib * 1024)


def _cpu(config: Domain, where: Hierarchies) -> Iterator[Setting]:
    tune, version = config.cputune, where.version("cpu")
    if tune is not None and version is not None:
        if tune.shares is not None:
            yield cpu_shares(version, tune.shares)
        quota = tune.quota if tune.quota is not None else tune.global_quota
        period = tune.period if tune.period is not None else tune.global_period
        yield from cpu_quota(version, quota, period)
    cpuset = allowed_cpus(config)
    if cpuset and where.version("cpuset") is not None:
        yield "cpuset", "cpuset.cpus", cpuset
    memory = config.numatune.memory if config.numatune is not None else None
    nodes = memory.nodeset if memory is not None and memory.mode in (None, "strict", "restrictive") else None
    if nodes and where.version("cpuset") is not None:
        yield "cpuset", "cpuset.mems", nodes


def allowed_cpus(config: Domain) -> str | None:
    """The host CPUs the container may run on: the pins of its CPUs together, else ``<vcpu cpuset=...>``."""
    from polyvisor.model.domain.completion import cpu_ranges

    pins = config.cputune.vcpu_pins if config.cputune is not None else []
    general = config.vcpu.cpuset if config.vcpu is not None else None
    if not pins:
        return general
    parts = [pin.cpuset for pin in pins]
    if len(pins) < config.vcpu_count:
        if general is None:
            return None  # a CPU that is not pinned may run anywhere
        parts.append(general)
    return cpu_ranges(",".join(parts))


def cpu_shares(version: int, shares: int) -> Setting:
    """The weight against other groups, as it is: 2 to 262144 in version 1, 1 to 10000 in version 2, as in libvirt."""
    if version == 1:
        return "cpu", "cpu.shares", str(shares)
    if shares not in WEIGHTS:
        raise UnsupportedConfiguration(
            f"<shares> of {shares} are outside of what control groups of version 2 take",
            driver="lxc",
            hint=f"say {WEIGHTS[0]} to {WEIGHTS[-1]}; 100 is what groups have that say nothing",
        )
    return "cpu", "cpu.weight", str(shares)


WEIGHTS = range(1, 10001)
"""What ``cpu.weight`` may be."""


def cpu_quota(version: int, quota: int | None, period: int | None) -> Iterator[Setting]:
    """Microseconds of CPU time in each period; a negative quota is none."""
    if quota is None and period is None:
        return
    if version == 1:
        if period is not None:
            yield "cpu", "cpu.cfs_period_us", str(period)
        if quota is not None:
            yield "cpu", "cpu.cfs_quota_us", str(quota if quota > 0 else -1)
        return
    limit = "max" if quota is None or quota <= 0 else str(quota)
    yield "cpu", "cpu.max", f"{limit} {period or PERIOD}"


def _blkio(config: Domain, where: Hierarchies, number: Callable[[str], str]) -> Iterator[Setting]:
    tune, version = config.blkiotune, where.version("blkio")
    if tune is None or version is None:
        return
    if tune.weight is not None:
        yield blkio_weight(version, tune.weight)
    for device in tune.devices:
        for name in ("weight", *DEVICE_LIMITS):
            if (value := getattr(device, name)) is not None:
                yield device_limit(version, name, number(device.path), value)


DEVICE_LIMITS = {
    "read_bytes_sec": ("blkio.throttle.read_bps_device", "rbps"),
    "write_bytes_sec": ("blkio.throttle.write_bps_device", "wbps"),
    "read_iops_sec": ("blkio.throttle.read_iops_device", "riops"),
    "write_iops_sec": ("blkio.throttle.write_iops_device", "wiops"),
}
"""Files of version 1 and keys of ``io.max`` of version 2, by the element of ``<blkiotune><device>``."""


def blkio_weight(version: int, weight: int) -> Setting:
    """The weight of the container's I/O, 100 to 1000; the I/O scheduler must know weights."""
    if version == 1:
        return "blkio", "blkio.bfq.weight", str(weight)
    return "blkio", "io.weight", f"default {weight}"


def device_limit(version: int, name: str, number: str, value: int) -> Setting:
    """A limit for the block device of a number, 0 for none."""
    if name == "weight":
        if version == 1:
            return "blkio", "blkio.bfq.weight_device", f"{number} {value}"
        return "blkio", "io.weight", f"{number} {value or 'default'}"
    file, key = DEVICE_LIMITS[name]
    if version == 1:
        return "blkio", file, f"{number} {value}"
    return "blkio", "io.max", f"{number} {key}={value or 'max'}"


def device_number(path: str) -> str:
    """``MAJOR:MINOR`` of a block device. Raises UnsupportedConfiguration when there is none."""
    import stat

    try:
        found = os.stat(path)
    except OSError as error:
        raise UnsupportedConfiguration(f"the device {path} cannot be used: {error.strerror}", driver="lxc") from error
    if not stat.S_ISBLK(found.st_mode):
        raise UnsupportedConfiguration(f"{path} is not a block device", driver="lxc")
    return f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"


# -- changes ----------------------------------------------------------------------------------------------

_DEFAULTS = {
    "memory.limit_in_bytes": "-1",
    "memory.soft_limit_in_bytes": "-1",
    "memory.memsw.limit_in_bytes": "-1",
    "memory.max": "max",
    "memory.high": "max",
    "memory.min": "0",
    "memory.swap.max": "max",
    "cpu.shares": "1024",
    "cpu.weight": "100",
    "cpu.cfs_period_us": str(PERIOD),
    "cpu.cfs_quota_us": "-1",
    "cpu.max": f"max {PERIOD}",
    "blkio.bfq.weight": "100",
}
"""What the kernel has where nobody asked for anything, by control file."""


def difference(before: Domain, after: Domain, where: Hierarchies) -> list[Setting]:
    """What has to be written for a container that runs with one document to run with another."""
    old = {_key(setting): setting for setting in of(before, where)}
    new = {_key(setting): setting for setting in of(after, where)}
    gone = [_neutral(setting) for key, setting in old.items() if key not in new]
    return gone + [setting for key, setting in new.items() if old.get(key) != setting]


def _key(setting: Setting) -> tuple[str, str]:
    """What a setting sets: a file, or of a file with a line a device the line, or the part of the line."""
    _, name, text = setting
    device, spaced, value = text.partition(" ")
    if not spaced or (":" not in device and device != "default"):
        return name, ""
    return name, f"{device} {value.partition('=')[0] if '=' in value else ''}"


def _neutral(setting: Setting) -> Setting:
    """What takes a setting away."""
    from polyvisor.host import Host

    controller, name, text = setting
    if name == "cpuset.cpus":
        return controller, name, _ranges(Host().cpu_map().online)
    if name == "cpuset.mems":
        return controller, name, _ranges(cell for cell in host_cells())
    if name == "io.weight":
        return controller, name, f"{text.partition(' ')[0]} {100 if text.startswith('default') else 'default'}"
    if ":" in text:
        return controller, name, unlimited(text)
    return controller, name, _DEFAULTS[name]


def unlimited(text: str) -> str:
    """A device's line with its limit taken away: ``8:0 rbps=max`` of version 2, ``8:0 0`` of version 1."""
    device, _, value = text.partition(" ")
    return f"{device} {value.partition('=')[0]}=max" if "=" in value else f"{device} 0"


def host_cells(path: str = "/sys/devices/system/node/online") -> list[int]:
    """The numbers of the host's NUMA cells."""
    from polyvisor.model.domain.consistency import cpu_numbers

    try:
        with open(path, encoding="ascii") as file:
            return sorted(cpu_numbers(file.read().strip()))
    except FileNotFoundError:
        return [0]


def _ranges(numbers: Iterable[int]) -> str:
    from polyvisor.model.domain.completion import cpu_ranges

    return cpu_ranges(",".join(map(str, sorted(numbers))))
