"""How much of the host's disks and networks a guest may use: kept where documents keep it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from polyvisor.errors import InvalidArgument, InvalidState, NoSuchDevice
from polyvisor.operations.records import Parameters
from polyvisor.operations.tuning import (
    BLKIO_PARAMETERS,
    IO_TUNE_PARAMETERS,
    Bandwidth,
    InterfaceBandwidth,
)
from polyvisor.spi import Affect, DomainRef, Event, EventKind, hookimpl
from polyvisor_test.finding import devices_of, find_disk, find_interface, source_path
from polyvisor_test.machine import CAPACITY
from polyvisor_test.session import TestSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor.model.domain.tuning import BlockIoTune

WEIGHT = range(10, 1001)
"""Legal weights of block I/O."""

RATES = tuple(name for name in IO_TUNE_PARAMETERS if name.endswith("_sec") and name != "size_iops_sec")
BURSTS = tuple(name for name in IO_TUNE_PARAMETERS if name.endswith("_sec_max"))


class TuningOperations:
    """The operations of ``polyvisor.operations.tuning``."""

    @hookimpl
    def blkio_parameters(
        self, session: TestSession, domain: DomainRef, *, affect: Affect = Affect.CURRENT
    ) -> Parameters:
        with session.machine(domain) as machine:
            tune = machine.reading(affect).blkiotune
            values: dict[str, int | float | bool | str] = {"weight": (tune and tune.weight) or 0}
            for name in BLKIO_PARAMETERS[1:]:
                values[name] = _device_values(tune, name.removeprefix("device_"))
            return Parameters(values)

    @hookimpl
    def set_blkio_parameters(
        self,
        session: TestSession,
        domain: DomainRef,
        parameters: Mapping[str, int | str],
        *,
        affect: Affect = Affect.CURRENT,
    ) -> None:
        from polyvisor.model.domain.tuning import BlockIoTune

        changes = {name: _blkio_change(name, value) for name, value in parameters.items()}
        with session.machine(domain) as machine, machine.changing(affect) as configs:
            for config in configs:
                config.blkiotune = config.blkiotune or BlockIoTune()
                for name, change in changes.items():
                    if name == "weight":
                        config.blkiotune.weight = change[""]
                    else:
                        _set_device_values(config.blkiotune, name.removeprefix("device_"), change)

    # -- disks ------------------------------------------------------------------------------------------------

    @hookimpl
    def block_io_tune(
        self, session: TestSession, domain: DomainRef, disk: str, *, affect: Affect = Affect.CURRENT
    ) -> Parameters:
        with session.machine(domain) as machine:
            tune = find_disk(machine.reading(affect), disk).iotune
            empty = {name: "" if name == "group_name" else 0 for name in IO_TUNE_PARAMETERS}
            return Parameters({name: getattr(tune, name, None) or nothing for name, nothing in empty.items()})

    @hookimpl
    def set_block_io_tune(
        self,
        session: TestSession,
        domain: DomainRef,
        disk: str,
        parameters: Mapping[str, int | str],
        *,
        affect: Affect = Affect.CURRENT,
    ) -> None:
        from polyvisor.model.domain.devices.disk import IoTune

        _check_limits(parameters)
        with session.machine(domain) as machine:
            with machine.changing(affect) as configs:
                for config in configs:
                    found = find_disk(config, disk)
                    found.iotune = found.iotune or IoTune()
                    _change_limits(found.iotune, parameters)
                    _spread_to_group(config, found.iotune)
            if "live" in machine.affected(affect):
                data = {"blkdeviotune.disk": disk} | {f"blkdeviotune.{key}": value for key, value in parameters.items()}
                session.events(Event(EventKind.TUNABLE, machine.ref, data=data))

    @hookimpl
    def set_throttle_group(
        self,
        session: TestSession,
        domain: DomainRef,
        group: str,
        parameters: Mapping[str, int],
        *,
        affect: Affect = Affect.CURRENT,
    ) -> None:
        from polyvisor.model.domain.tuning import ThrottleGroup, ThrottleGroups

        if not group or "group_name" in parameters:
            raise InvalidArgument("a throttle group is named by the group argument alone, which must not be empty")
        _check_limits(parameters)
        with session.machine(domain) as machine, machine.changing(affect) as configs:
            for config in configs:
                config.throttlegroups = config.throttlegroups or ThrottleGroups()
                groups = config.throttlegroups.groups
                found = next((known for known in groups if known.group_name == group), None)
                if found is None:
                    found = ThrottleGroup(group_name=group)
                    groups.append(found)
                _change_limits(found, parameters)

    @hookimpl
    def remove_throttle_group(
        self, session: TestSession, domain: DomainRef, group: str, *, affect: Affect = Affect.CURRENT
    ) -> None:
        from polyvisor.model.domain.tuning import ThrottleGroups

        with session.machine(domain) as machine, machine.changing(affect) as configs:
            for config in configs:
                known = config.throttlegroups.groups if config.throttlegroups else []
                left = [other for other in known if other.group_name != group]
                if len(left) == len(known):
                    raise NoSuchDevice(f"{machine.ref} has no throttle group {group!r}", target=str(machine.ref))
                for disk in devices_of(config).disks:
                    filters = disk.throttlefilters.filters if disk.throttlefilters else []
                    if any(used.group == group for used in filters):
                        raise InvalidState(f"disk {disk.target.dev} uses the throttle group {group!r}")
                config.throttlegroups = ThrottleGroups(groups=left) if left else None

    @hookimpl
    def set_block_threshold(self, session: TestSession, domain: DomainRef, disk: str, threshold: int) -> None:
        """Simulated: a disk that has written beyond the threshold already fires at once, the others never."""
        if threshold < 0:
            raise InvalidArgument(f"{threshold} bytes are no threshold", hint="0 forgets it")
        with session.machine(domain) as machine:
            machine.require_active()
            found = find_disk(machine.config, disk.partition("[")[0])
            written = machine.bytes_written(session.node.clock)
            if 0 < threshold <= written:
                session.tell(
                    EventKind.BLOCK_THRESHOLD,
                    machine,
                    disk=disk,
                    path=source_path(found) or "",
                    threshold=threshold,
                    excess=written - threshold,
                )

    @hookimpl
    def resize_block(
        self, session: TestSession, domain: DomainRef, disk: str, size: int | None, *, extend: bool = False
    ) -> None:
        """Simulated: every block device is as large as a disk is at first."""
        with session.machine(domain) as machine:
            machine.require_active()
            found = find_disk(machine.config, disk)
            if size is None:
                if found.type != "block":
                    raise InvalidArgument(f"disk {disk} is no block device", hint="say how large it shall be")
                size = CAPACITY
            if size <= 0 or size % 512:
                raise InvalidArgument(f"a disk cannot be {size} bytes large", hint="sizes are multiples of 512 bytes")
            if extend and size < machine.capacity(found):
                raise InvalidArgument(f"disk {disk} is larger than {size} bytes already", hint="extend does not shrink")
            machine.capacities[found.target.dev] = size

    # -- networks -----------------------------------------------------------------------------------------------

    @hookimpl
    def interface_bandwidth(
        self, session: TestSession, domain: DomainRef, interface: str, *, affect: Affect = Affect.CURRENT
    ) -> InterfaceBandwidth:
        with session.machine(domain) as machine:
            limits = find_interface(machine.reading(affect), interface).bandwidth
            return InterfaceBandwidth(
                _bandwidth(limits.inbound if limits else None), _bandwidth(limits.outbound if limits else None)
            )

    @hookimpl
    def set_interface_bandwidth(
        self,
        session: TestSession,
        domain: DomainRef,
        interface: str,
        *,
        inbound: Bandwidth | None = None,
        outbound: Bandwidth | None = None,
        affect: Affect = Affect.CURRENT,
    ) -> None:
        from polyvisor.model.domain.devices import interface as elements

        for limit in filter(None, (inbound, outbound)):
            _check_bandwidth(limit)
        if outbound is not None and outbound.floor:
            raise InvalidArgument("only what comes in can have a guaranteed floor")
        with session.machine(domain) as machine, machine.changing(affect) as configs:
            for config in configs:
                found = find_interface(config, interface)
                limits = found.bandwidth or elements.InterfaceBandwidth()
                if inbound is not None:
                    limits.inbound = _limit(elements.InboundLimit, inbound, "average", "peak", "burst", "floor")
                if outbound is not None:
                    limits.outbound = _limit(elements.BandwidthLimit, outbound, "average", "peak", "burst")
                found.bandwidth = limits if limits.inbound or limits.outbound else None


def _device_values(tune: BlockIoTune | None, field: str) -> str:
    """``/dev/sda,500,/dev/sdb,200``: the value of each host device that has one."""
    found = [(device.path, getattr(device, field)) for device in tune.devices] if tune else []
    return ",".join(f"{path},{value}" for path, value in found if value)


def _blkio_change(name: str, value: int | str) -> dict[str, int]:
    """What a parameter says, by host device; ``weight`` is under the empty name. Raises InvalidArgument."""
    if name not in BLKIO_PARAMETERS:
        raise InvalidArgument(f"there is no block I/O parameter {name!r}", hint=f"known: {', '.join(BLKIO_PARAMETERS)}")
    if name == "weight":
        if value not in WEIGHT:
            raise InvalidArgument(f"weight must be from {WEIGHT[0]} to {WEIGHT[-1]}, not {value}")
        return {"": int(value)}
    parts = str(value).split(",") if value else []
    paths, numbers = parts[::2], parts[1::2]
    paired = len(paths) == len(numbers)
    if not paired or not all(path.startswith("/") for path in paths) or not all(map(str.isdigit, numbers)):
        raise InvalidArgument(f"{value!r} is no list of devices and values for {name}", hint="/dev/sda,500,/dev/sdb,20")
    change = {path: int(number) for path, number in zip(paths, numbers, strict=True)}
    if name == "device_weight" and any(weight and weight not in WEIGHT for weight in change.values()):
        raise InvalidArgument(f"weights are from {WEIGHT[0]} to {WEIGHT[-1]}, or 0 for none")
    return change


def _set_device_values(tune: BlockIoTune, field: str, change: Mapping[str, int]) -> None:
    from polyvisor.model.domain.tuning import BlockIoDevice

    for path, value in change.items():
        device = next((known for known in tune.devices if known.path == path), None)
        if device is None:
            device = BlockIoDevice(path=path)
            tune.devices.append(device)
        setattr(device, field, value or None)
    limits = ("weight", "read_bytes_sec", "write_bytes_sec", "read_iops_sec", "write_iops_sec")
    tune.devices = [device for device in tune.devices if any(getattr(device, limit) for limit in limits)]


def _check_limits(parameters: Mapping[str, int | str]) -> None:
    """Raise InvalidArgument for limits that do not exist or exclude one another."""
    for name, value in parameters.items():
        if name not in IO_TUNE_PARAMETERS:
            raise InvalidArgument(f"there is no limit {name!r}", hint=f"known: {', '.join(IO_TUNE_PARAMETERS)}")
        if name != "group_name" and not (isinstance(value, int) and value >= 0):
            raise InvalidArgument(f"{value!r} is no value for {name}")
    for kind in ("bytes_sec", "iops_sec", "bytes_sec_max", "iops_sec_max"):
        if parameters.get(f"total_{kind}") and (parameters.get(f"read_{kind}") or parameters.get(f"write_{kind}")):
            raise InvalidArgument(f"total_{kind} excludes read_{kind} and write_{kind}")


def _change_limits(tune: Any, parameters: Mapping[str, int | str]) -> None:
    """Set the limits given. Naming one rate of bytes (or operations) resets the others of that kind."""
    for kind in ("bytes_sec", "iops_sec", "bytes_sec_max", "iops_sec_max"):
        family = [f"{way}_{kind}" for way in ("total", "read", "write")]
        if any(name in parameters for name in family):
            for name in family:
                setattr(tune, name, parameters.get(name) or None)
    for name in parameters.keys() - {*RATES, *BURSTS}:
        setattr(tune, name, parameters[name] or None)


def _spread_to_group(config: Domain, tune: Any) -> None:
    """Every disk of the group has the same limits."""
    for disk in devices_of(config).disks:
        if tune.group_name and disk.iotune is not None and disk.iotune.group_name == tune.group_name:
            disk.iotune = tune.copy()


def _check_bandwidth(limit: Bandwidth) -> None:
    """Raise InvalidArgument for a limit that no document can express."""
    if min(limit.average, limit.peak, limit.burst, limit.floor) < 0:
        raise InvalidArgument(f"{limit} has a negative rate", hint="0 is no limit")
    if (limit.peak or limit.burst) and not limit.average:
        raise InvalidArgument("a peak or a burst is one above an average", hint="say the average too")


def _bandwidth(limit: Any) -> Bandwidth | None:
    if limit is None:
        return None
    return Bandwidth(limit.average or 0, limit.peak or 0, limit.burst or 0, getattr(limit, "floor", None) or 0)


def _limit(element: Any, limit: Bandwidth, *names: str) -> Any:
    """The element for a limit; None for one that limits nothing."""
    values = {name: getattr(limit, name) or None for name in names}
    return element(**values) if any(values.values()) else None
