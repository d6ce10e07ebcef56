"""How much of the host's block devices containers may use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from polyvisor.errors import InvalidArgument
from polyvisor.operations.records import Parameters
from polyvisor.operations.tuning import BLKIO_PARAMETERS
from polyvisor.spi import Affect, DomainRef
from polyvisor_lxc import changes, quantities
from polyvisor_lxc.session import LxcSession

if TYPE_CHECKING:
    from polyvisor.model.domain.tuning import BlockIoTune

WEIGHT = range(10, 1001)
"""Legal weights."""

_FIELDS = ("weight", *quantities.DEVICE_LIMITS)


def parameters(session: LxcSession, domain: DomainRef, affect: Affect) -> Parameters:
    """The shares and limits of the document."""
    tune = changes.reading(session, domain, affect).blkiotune
    values: dict[str, int | float | bool | str] = {"weight": (tune.weight if tune is not None else None) or 0}
    for name in BLKIO_PARAMETERS[1:]:
        values[name] = _written(tune, name.removeprefix("device_"))
    return Parameters(values)


def _written(tune: BlockIoTune | None, field: str) -> str:
    found = [(device.path, getattr(device, field)) for device in tune.devices] if tune is not None else []
    return ",".join(f"{path},{value}" for path, value in found if value)


def set_parameters(session: LxcSession, domain: DomainRef, wanted: Mapping[str, int | str], affect: Affect) -> None:
    """Change some of them."""
    from polyvisor.model.domain.tuning import BlockIoTune

    read = {name: _read(name, value) for name, value in wanted.items()}
    with changes.changing(session, domain, affect) as change:
        for config in change.documents:
            tune = config.blkiotune or BlockIoTune()
            for name, values in read.items():
                if name == "weight":
                    tune.weight = values[""]
                else:
                    _set(tune, name.removeprefix("device_"), values)
            config.blkiotune = tune if tune.weight is not None or tune.devices else None
    if wanted:
        changes.tell_tuned(session, change, {f"blkiotune.{name}": value for name, value in wanted.items()})


def _read(name: str, value: int | str) -> dict[str, int]:
    """What a parameter says, by device; ``weight`` is under the empty name. Raises InvalidArgument."""
    if name not in BLKIO_PARAMETERS:
        raise InvalidArgument(
            f"there is no block I/O parameter {name!r}", driver="lxc", hint=f"known: {', '.join(BLKIO_PARAMETERS)}"
        )
    if name == "weight":
        if value not in WEIGHT:
            raise InvalidArgument(f"a weight is from {WEIGHT[0]} to {WEIGHT[-1]}, not {value}", driver="lxc")
        return {"": int(value)}
    words = str(value).split(",") if value else []
    paths, numbers = words[::2], words[1::2]
    complete = len(paths) == len(numbers) and all(number.isdigit() for number in numbers)
    if not complete or not all(path.startswith("/") for path in paths):
        raise InvalidArgument(
            f"{value!r} does not name a value for each device", driver="lxc", hint="write /dev/sda,500,/dev/sdb,200"
        )
    found = {path: int(number) for path, number in zip(paths, numbers, strict=True)}
    if name == "device_weight" and any(weight and weight not in WEIGHT for weight in found.values()):
        raise InvalidArgument(f"a weight is from {WEIGHT[0]} to {WEIGHT[-1]}, or 0 for none", driver="lxc")
    return found


def _set(tune: BlockIoTune, field: str, values: Mapping[str, int]) -> None:
    from polyvisor.model.domain.tuning import BlockIoDevice

    devices = {device.path: device for device in tune.devices}
    for path, value in values.items():
        setattr(devices.setdefault(path, BlockIoDevice(path=path)), field, value or None)
    tune.devices = [device for device in devices.values() if any(getattr(device, name) for name in _FIELDS)]
