"""Limits on a domain's disks and network devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from polyvisor.cli.command import command
from polyvisor.cli.failure import UsageFault
from polyvisor.cli.output import plain, settings
from polyvisor.cli.parameters import affects, data, domain, flag, given, numbers, texts
from polyvisor.operations.records import Affect
from polyvisor.operations.tuning import IO_TUNE_PARAMETERS, Bandwidth

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell

NUMBER = click.IntRange(min=0)


def size_bytes(text: str) -> int:
    """A size such as ``512M`` as bytes; a bare number counts bytes. A type for Click."""
    from polyvisor.errors import InvalidArgument
    from polyvisor.units import parse_size

    try:
        return int(parse_size(text))
    except InvalidArgument as error:
        raise click.BadParameter(str(error)) from error


@command("blkiotune")
@domain()
@numbers({"weight": "Weight among domains, 100 to 1000."}, type=NUMBER)
@texts(
    {
        "device-weights": "PATH,WEIGHT,... for devices of the host.",
        "device-read-iops-sec": "PATH,NUMBER,... operations read per second.",
        "device-write-iops-sec": "PATH,NUMBER,... operations written per second.",
        "device-read-bytes-sec": "PATH,NUMBER,... bytes read per second.",
        "device-write-bytes-sec": "PATH,NUMBER,... bytes written per second.",
    }
)
@affects()
def blkiotune(shell: Shell, domain: str, affect: Affect, **values: Any) -> None:
    """The domain's share of the host's block devices. Without options, show it."""
    found = shell.domain(domain)
    wanted = given(values)
    if "device_weights" in wanted:
        wanted["device_weight"] = wanted.pop("device_weights")
    if wanted:
        found.set_blkio_parameters(wanted, affect=affect)
        shell.done("", **wanted)
        return
    shown = found.blkio_parameters(affect=affect).values
    shell.data(shown, settings(shown))


_IO_TUNE_OPTIONS = {
    name.replace("_", "-"): f"{name.replace('_', ' ').capitalize()}."
    for name in IO_TUNE_PARAMETERS
    if name != "group_name"
}


@command("blkdeviotune")
@domain()
@data("device", help="Target or source of the disk.")
@numbers(_IO_TUNE_OPTIONS, type=size_bytes)
@click.option("--group-name", metavar="NAME", help="Group of disks that share the limits.")
@affects()
def blkdeviotune(shell: Shell, domain: str, device: str, affect: Affect, **values: Any) -> None:
    """Limits of one disk. Without options, show them. Numbers may have a unit: 10M."""
    found = shell.domain(domain)
    if wanted := given(values):
        found.set_block_io_tune(device, wanted, affect=affect)
        shell.done("", **wanted)
        return
    shown = found.block_io_tune(device, affect=affect).values
    shell.data(shown, settings(shown))


@command("domiftune")
@domain()
@data("interface", help="MAC address or name on the host.")
@click.option("--inbound", metavar="AVERAGE[,PEAK,BURST,FLOOR]", help="What the guest receives, in KiB; 0: no limit.")
@click.option("--outbound", metavar="AVERAGE[,PEAK,BURST]", help="What the guest sends, in KiB; 0: no limit.")
@affects()
def domiftune(
    shell: Shell, domain: str, interface: str, inbound: str | None, outbound: str | None, affect: Affect
) -> None:
    """Limits of one network device. Without options, show them."""
    found = shell.domain(domain)
    if inbound is not None or outbound is not None:
        found.set_interface_bandwidth(interface, inbound=_rates(inbound), outbound=_rates(outbound), affect=affect)
        shell.done("")
        return
    limits = found.interface_bandwidth(interface, affect=affect)
    shown = {
        f"{direction}.{name}": value
        for direction in ("inbound", "outbound")
        for name, value in plain(getattr(limits, direction) or Bandwidth()).items()
        if (direction, name) != ("outbound", "floor")
    }
    shell.data(limits, settings(shown))


def _rates(text: str | None) -> Bandwidth | None:
    from polyvisor.cli.devicexml import rates

    return None if text is None else Bandwidth(**rates(text))


@command("domblkthreshold")
@domain()
@data("dev", help="Target of the disk, or one image of its chain: vda[1].")
@data("threshold", type=size_bytes, help="Bytes into the image; 0 forgets it.")
def domblkthreshold(shell: Shell, domain: str, dev: str, threshold: int) -> None:
    """An event is sent, once, when the guest writes beyond it."""
    shell.domain(domain).set_block_threshold(dev, threshold)
    shell.done("")


@command("blockresize")
@domain()
@data("path", help="Target or source of the disk.")
@data("size", required=False, help="The new size, such as 10G; a bare number counts KiB.")
@flag("capacity", "Take the size of the block device underneath.")
@flag("extend", "Refuse to make the disk smaller.")
def blockresize(shell: Shell, domain: str, path: str, size: str | None, capacity: bool, extend: bool) -> None:
    """The guest is told. Beyond a smaller size, data is lost."""
    from polyvisor.units import parse_size

    if capacity == (size is not None):
        raise UsageFault("exactly one of <size> and --capacity")
    wanted = None if size is None else int(parse_size(size, unit="KiB"))
    shell.domain(domain).resize_block(path, wanted, extend=extend)
    shell.done(f"Block device '{path}' is resized", size=wanted)
