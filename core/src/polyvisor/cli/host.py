"""Facts about the host and its hypervisor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from polyvisor.cli.command import command
from polyvisor.cli.failure import UsageFault
from polyvisor.cli.output import listing
from polyvisor.cli.parameters import data, flag
from polyvisor.cli.xpath import select

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell

CPU = click.IntRange(min=0)


def show_document(shell: Shell, document: Any, xpath: str | None, wrap: bool) -> None:
    """Print a document (text or model object), or what ``xpath`` selects in it."""
    if not isinstance(document, str):
        from polyvisor.documents import write

        document = write(document)
    text = select(document, xpath, wrap=wrap) if xpath is not None else document
    shell.data({"xml": text}, text.rstrip("\n"))


xpath = data("xpath", required=False, help="Print only what this XPath expression selects.")
wrap = flag("wrap", "Put what --xpath selects into one element <nodes>.")


@command("capabilities")
@xpath
@wrap
def capabilities(shell: Shell, xpath: str | None, wrap: bool) -> None:
    """CPUs, NUMA cells, caches, security models, and the guests that the hypervisor runs."""
    show_document(shell, shell.connection.capabilities(), xpath, wrap)


@command("domcapabilities")
@data("virttype", required=False, help="Type of domain: kvm, qemu, xen, ...")
@data("emulatorbin", required=False, help="Path of the emulator.")
@data("arch", required=False, help="Architecture of the guest.")
@data("machine", required=False, help="Machine type.")
@xpath
@wrap
@flag("disable-deprecated-features", "Mark deprecated CPU features as disabled.")
def domcapabilities(
    shell: Shell,
    virttype: str | None,
    emulatorbin: str | None,
    arch: str | None,
    machine: str | None,
    xpath: str | None,
    wrap: bool,
    disable_deprecated_features: bool,
) -> None:
    """For one combination of type, emulator, architecture and machine; what is left out takes its default."""
    document = shell.connection.domain_capabilities(
        domain_type=virttype,
        emulator=emulatorbin,
        arch=arch,
        machine=machine,
        disable_deprecated_features=disable_deprecated_features,
    )
    show_document(shell, document, xpath, wrap)


@command("nodeinfo")
def nodeinfo(shell: Shell) -> None:
    """Sockets are counted by NUMA cell, cores by socket, threads by core."""
    info = shell.connection.host_info()
    facts: dict[str, object] = {"CPU model": info.model, "CPU(s)": info.cpus}
    if info.mhz:
        facts["CPU frequency"] = f"{info.mhz} MHz"
    facts |= {
        "CPU socket(s)": info.sockets,
        "Core(s) per socket": info.cores,
        "Thread(s) per core": info.threads,
        "NUMA cell(s)": info.cells,
        "Memory size": f"{info.memory_kib} KiB",
    }
    shell.data(info, listing(facts, margin=20))


@command("nodecpumap")
@flag("pretty", "Print the online CPUs as a list of numbers.")
def nodecpumap(shell: Shell, pretty: bool) -> None:
    """In the map, y stands for a CPU that is online."""
    cpus = shell.connection.cpu_map()
    count = max([cpus.present, *(cpu + 1 for cpu in cpus.online)])
    shown = ranges(cpus.online) if pretty else "".join("y" if cpu in cpus.online else "-" for cpu in range(count))
    facts = {"CPUs present": cpus.present, "CPUs online": len(cpus.online), "CPU map": shown}
    shell.data(cpus, listing(facts, margin=15))


def ranges(numbers: Any) -> str:
    """Numbers as documents write CPU sets: ``0-2,4``."""
    spans: list[list[int]] = []
    for number in sorted(numbers):
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in spans)


@command("nodecpustats")
@data("cpu", required=False, type=CPU, help="One CPU, by number; default: all together.")
@flag("percent", "Watch for a second and print shares of it.")
def nodecpustats(shell: Shell, cpu: int | None, percent: bool) -> None:
    """Times are in nanoseconds since the host came up."""
    times = _cpu_times(shell, cpu)
    if not percent:
        shell.data(times, "\n".join(f"{name + ':':<15}{value:>20}" for name, value in times.items()))
        return
    import time

    time.sleep(1)
    spent = {name: value - times[name] for name, value in _cpu_times(shell, cpu).items()}
    whole = sum(spent.values()) or 1
    shares = {name: round(100 * value / whole, 1) for name, value in spent.items()}
    shares = {"usage": round(100 - shares["idle"] - shares["iowait"], 1), **shares}
    shell.data(shares, "\n".join(f"{name + ':':<15}{value:>5.1f}%" for name, value in shares.items()))


def _cpu_times(shell: Shell, cpu: int | None) -> dict[str, int]:
    times = shell.connection.host_cpu_stats(cpu=cpu)
    names = {"user": times.user, "system": times.kernel, "idle": times.idle, "iowait": times.iowait}
    return {**names, "intr": times.interrupt} if times.interrupt else names


@command("nodememstats")
@data("cell", required=False, type=CPU, help="One NUMA cell, by number; default: the whole host.")
def nodememstats(shell: Shell, cell: int | None) -> None:
    """In KiB."""
    stats = shell.connection.host_memory_stats(cell=cell)
    names = ("total", "free", "buffers", "cached")
    known = {name: value for name in names if (value := getattr(stats, name)) is not None}
    shell.data(known, "\n".join(f"{name:<7}: {value:>20} KiB" for name, value in known.items()))


@command("freecell")
@data("cellno", required=False, type=CPU, help="One NUMA cell, by number.")
@flag("all", "Each NUMA cell, and all together.")
def freecell(shell: Shell, cellno: int | None, all: bool) -> None:
    """Without options, of all cells together."""
    if all and cellno is not None:
        raise UsageFault("Options --all and --cellno are mutually exclusive")
    free = shell.connection.free_memory()
    kib = {cell: size // 1024 for cell, size in free.cells.items()}
    if all:
        lines = [f"{cell:>5}: {size:>10} KiB" for cell, size in kib.items()]
        total = sum(kib.values()) if kib else free.total // 1024  # not every hypervisor tells it by cell
        text = "\n".join([*lines, "-" * 20, f"Total: {total:>10} KiB"])
    elif cellno is None:
        text = f"Total: {free.total // 1024} KiB"
    else:
        text = f"{cellno}: {_of_cell(kib, cellno)} KiB"
    shell.data({"total_kib": free.total // 1024, "cells_kib": kib}, text)


def _of_cell(cells: dict[int, Any], cell: int) -> Any:
    if cell not in cells:
        from polyvisor.errors import InvalidArgument

        raise InvalidArgument(f"the host has no NUMA cell {cell}", hint=f"cells it has: {ranges(cells) or 'none'}")
    return cells[cell]


@command("freepages")
@data("cellno", required=False, type=CPU, help="One NUMA cell, by number; default: each.")
@data("pagesize", required=False, type=click.IntRange(min=1), help="Pages of this many KiB; default: every size.")
@flag("all", "Every cell and size; the default.")
def freepages(shell: Shell, cellno: int | None, pagesize: int | None, all: bool) -> None:
    """By page size."""
    found = shell.connection.free_pages(
        cells=() if cellno is None else (cellno,), sizes_kib=() if pagesize is None else (pagesize,)
    )
    blocks = []
    for cell, pages in found.items():
        lines = [f"{size}KiB: {count}" for size, count in pages.items()]
        blocks.append("\n".join(lines if cellno is not None else [f"Node {cell}:", *lines, ""]))
    shell.data(found, "\n".join(blocks))


@command("allocpages")
@data("pagesize", type=click.IntRange(min=1), help="Size of the pages in KiB.")
@data("pagecount", type=click.IntRange(min=0), help="How many pages.")
@data("cellno", required=False, type=CPU, help="One NUMA cell, by number; default: each.")
@flag("add", "Add to the pages there are, instead of having so many in all.")
@flag("all", "Every cell; the default.")
def allocpages(shell: Shell, pagesize: int, pagecount: int, cellno: int | None, add: bool, all: bool) -> None:
    """The kernel may find fewer than asked for."""
    served = shell.connection.allocate_pages({pagesize: pagecount}, cells=() if cellno is None else (cellno,), add=add)
    shell.done(f"Pages reserved in {served} cell{'' if served == 1 else 's'}", cells=served)


@command("node-memory-tune")
@click.option("--shm-pages-to-scan", type=CPU, help="Pages to scan before sleeping.")
@click.option("--shm-sleep-millisecs", type=CPU, help="Milliseconds to sleep then.")
@click.option(
    "--shm-merge-across-nodes", type=click.IntRange(0, 1), help="Whether pages of different cells are merged."
)
def node_memory_tune(shell: Shell, **values: int | None) -> None:
    """Kernel same-page merging. Without options, show the present values."""
    wanted = {name: value for name, value in values.items() if value is not None}
    if wanted:
        shell.connection.set_memory_parameters(wanted)
        shell.done("Memory parameters changed", **wanted)
        return
    found = shell.connection.memory_parameters()
    lines = "\n".join(f"\t{name:<15} {value}" for name, value in found.items())
    shell.data(found, f"Shared memory:\n{lines}")


@command("nodesuspend")
@data("target", type=click.Choice(("mem", "disk", "hybrid")), help="Where memory is kept meanwhile.")
@data("duration", type=click.IntRange(min=60), help="Seconds after which the host wakes; at least 60.")
def nodesuspend(shell: Shell, target: str, duration: int) -> None:
    """Every guest sleeps with it."""
    from polyvisor.operations.lifecycle import SuspendTarget

    shell.connection.suspend_host(SuspendTarget(target), duration)
    shell.done(f"The host sleeps for {duration} seconds")


@command("nodesevinfo")
def nodesevinfo(shell: Shell) -> None:
    """AMD's Secure Encrypted Virtualization."""
    found = shell.connection.sev_info()
    shell.data(found, "\n".join(f"{name:<18}: {value}" for name, value in found.items()))


@command("hostname")
def hostname(shell: Shell) -> None:
    """Of the host that the hypervisor runs on."""
    name = shell.connection.hostname()
    shell.data({"hostname": name}, name)


@command("sysinfo")
@xpath
@wrap
def sysinfo(shell: Shell, xpath: str | None, wrap: bool) -> None:
    """From SMBIOS or the device tree."""
    show_document(shell, shell.connection.sysinfo(), xpath, wrap)


@command("maxvcpus")
@data("type", required=False, help="Type of domain: kvm, qemu, xen, ...")
def maxvcpus(shell: Shell, type: str | None) -> None:
    """At most, whatever the machine type."""
    count = shell.connection.max_vcpus(domain_type=type)
    shell.data({"max_vcpus": count}, str(count))


@command("cpu-models")
@data("arch", help="Architecture: x86_64, aarch64, ...")
def cpu_models(shell: Shell, arch: str) -> None:
    """Names that <model> in <cpu> may have."""
    names = shell.connection.cpu_models(arch)
    shell.data(names, "\n".join(names))


@command("uri")
def uri(shell: Shell) -> None:
    """What -c, the environment, the configuration or the probing of drivers came to."""
    text = str(shell.connection.uri)
    shell.data({"uri": text}, text)


@command("version")
@flag("daemon", "For virsh's sake: there is no daemon.")
def version(shell: Shell, daemon: bool) -> None:
    """The hypervisor's version is asked of the hypervisor."""
    import polyvisor
    from polyvisor.operations.declaration import HOOKS_VERSION

    hooks = ".".join(map(str, HOOKS_VERSION))
    connection = shell.connection
    kind, running = connection.hypervisor_type(), connection.version()
    facts = {
        "Using library": f"polyvisor {polyvisor.__version__}",
        "Using hooks": hooks,
        "Using driver": connection.driver,
        "Running hypervisor": f"{kind} {running}",
    }
    plain = {"polyvisor": polyvisor.__version__, "hooks": hooks, "driver": connection.driver, "hypervisor": kind}
    shell.data(
        {**plain, "hypervisor_version": str(running)}, "\n".join(f"{key}: {value}" for key, value in facts.items())
    )


device = data("device", help="Name of the device: pci_0000_03_00_0.")


def _assign(shell: Shell, device: str, action: str, done: str, driver: str | None = None) -> None:
    shell.connection.assign_host_device(device, action, driver=driver)
    shell.done(f"Device {device} {done}", device=device)


@command("nodedev-detach")
@device
@click.option("--driver", metavar="NAME", help="Driver to bind instead, such as vfio-pci.")
def nodedev_detach(shell: Shell, device: str, driver: str | None) -> None:
    """So that it can be given to a guest."""
    _assign(shell, device, "detach", "detached", driver)


@command("nodedev-reattach")
@device
def nodedev_reattach(shell: Shell, device: str) -> None:
    """After nodedev-detach."""
    _assign(shell, device, "reattach", "re-attached")


@command("nodedev-reset")
@device
def nodedev_reset(shell: Shell, device: str) -> None:
    """No guest may use it."""
    _assign(shell, device, "reset", "reset")
