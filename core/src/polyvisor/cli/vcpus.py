"""vCPUs and IOThreads of a domain, and the host CPUs they run on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from polyvisor.cli.command import command
from polyvisor.cli.failure import UsageFault
from polyvisor.cli.host import ranges
from polyvisor.cli.output import listing, seconds, settings
from polyvisor.cli.parameters import affects, cpu_set, data, domain, flag, given, numbers
from polyvisor.errors import InvalidState
from polyvisor.operations.records import Affect

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell
    from polyvisor.objects.domain import Domain

NUMBER = click.IntRange(min=0)


@command("vcpucount")
@domain()
@flag("maximum", "The number it may have.")
@flag("active", "The number it has.")
@flag("guest", "The number its system has online, by the agent.")
@affects()
def vcpucount(shell: Shell, domain: str, maximum: bool, active: bool, guest: bool, affect: Affect) -> None:
    """With one of the options a number, else a table."""
    found = shell.domain(domain)
    if guest or maximum or active or affect is not Affect.CURRENT:
        count = found.vcpu_count(maximum=maximum, guest=guest, affect=affect)
        shell.data({"count": count}, str(count))
        return
    rows = []
    for kind in ("maximum", "current"):
        for which in (Affect.CONFIG, Affect.LIVE):
            number = _count_if_any(found, kind == "maximum", which)
            if number is not None:
                rows.append((kind, which.value, number))
    facts = [dict(zip(("kind", "of", "count"), row, strict=True)) for row in rows]
    shell.data(facts, "\n".join(f"{kind:<12} {which:<6} {number:>9}" for kind, which, number in rows))


def _count_if_any(found: Domain, maximum: bool, affect: Affect) -> int | None:
    """None for the live count of a domain that does not run, the stored one of a transient domain."""
    try:
        return int(found.vcpu_count(maximum=maximum, affect=affect))
    except InvalidState:
        return None


@command("setvcpus")
@domain()
@data("count", type=click.IntRange(min=1), help="How many.")
@flag("maximum", "Change how many it may have, at its next start.")
@flag("guest", "Have its system take CPUs on- or offline, by the agent; nothing is plugged.")
@flag("hotpluggable", "Added vCPUs can be taken out again.")
@affects()
def setvcpus(shell: Shell, domain: str, count: int, affect: Affect, **options: bool) -> None:
    """Returns when the guest has them."""
    shell.domain(domain).set_vcpu_count(count, affect=affect, **options)
    shell.done("", vcpus=count)


@command("setvcpu")
@domain()
@data("vcpulist", type=cpu_set, help="Numbers of vCPUs: 2-3.")
@flag("enable", "Plug them in.")
@flag("disable", "Take them out.")
@affects()
def setvcpu(shell: Shell, domain: str, vcpulist: frozenset[int], enable: bool, disable: bool, affect: Affect) -> None:
    """All of them or none."""
    if enable == disable:
        raise UsageFault("exactly one of --enable and --disable")
    shell.domain(domain).set_vcpus(vcpulist, enable, affect=affect)
    shell.done("")


@command("vcpuinfo")
@domain()
@flag("pretty", "Affinity as a list of numbers.")
def vcpuinfo(shell: Shell, domain: str, pretty: bool) -> None:
    """What each vCPU is doing, and where."""
    vcpus = shell.domain(domain).vcpu_info()

    def text() -> str:
        host = shell.connection.cpu_map().present
        return "\n\n".join(_vcpu_lines(vcpu, host, pretty) for vcpu in vcpus)

    shell.data(vcpus, text)


def _vcpu_lines(vcpu: Any, host: int, pretty: bool) -> str:
    if pretty:
        affinity = f"{ranges(vcpu.affinity)} (out of {host})"
    else:
        affinity = "".join("y" if cpu in vcpu.affinity else "-" for cpu in range(host))
    facts = {"VCPU": vcpu.number, "CPU": "N/A" if vcpu.cpu is None else vcpu.cpu, "State": vcpu.state.value}
    if vcpu.cpu_time_ns is not None:
        facts["CPU time"] = seconds(vcpu.cpu_time_ns)
    return listing({**facts, "CPU Affinity": affinity}, margin=15)


cpulist = data("cpulist", required=False, type=cpu_set, help="Host CPUs, 0-3,^2; without, show where it may run.")


@command("vcpupin")
@domain()
@data("vcpu", required=False, type=NUMBER, help="Number of the vCPU.")
@cpulist
@affects()
def vcpupin(shell: Shell, domain: str, vcpu: int | None, cpulist: frozenset[int] | None, affect: Affect) -> None:
    """Without CPUs, show where the vCPUs may run."""
    found = shell.domain(domain)
    if cpulist is not None:
        if vcpu is None:
            raise UsageFault("vcpupin: missing vCPU number: --vcpu")
        found.pin_vcpu(vcpu, cpulist, affect=affect)
        shell.done("")
        return
    pins = found.vcpu_pins(affect=affect)
    rows = [(number, ranges(cpus)) for number, cpus in pins.items() if vcpu in (None, number)]
    shell.table(("VCPU", "CPU Affinity"), rows, {number: sorted(cpus) for number, cpus in pins.items()})


@command("emulatorpin")
@domain()
@cpulist
@affects()
def emulatorpin(shell: Shell, domain: str, cpulist: frozenset[int] | None, affect: Affect) -> None:
    """Threads of the emulator that are neither vCPUs nor IOThreads."""
    found = shell.domain(domain)
    if cpulist is not None:
        found.pin_emulator(cpulist, affect=affect)
        shell.done("")
        return
    cpus = found.emulator_pin(affect=affect)
    shell.data({"cpus": sorted(cpus)}, f"emulator: CPU Affinity\n{'-' * 34}\n       *: {ranges(cpus)}")


@command("guestvcpus")
@domain()
@data("cpulist", required=False, type=cpu_set, help="CPUs as the guest numbers them.")
@flag("enable", "Take them online.")
@flag("disable", "Take them offline.")
def guestvcpus(shell: Shell, domain: str, cpulist: frozenset[int] | None, enable: bool, disable: bool) -> None:
    """By the guest agent. Without CPUs, show them."""
    found = shell.domain(domain)
    if cpulist is not None:
        if enable == disable:
            raise UsageFault("exactly one of --enable and --disable")
        found.set_guest_vcpus(cpulist, enable)
        shell.done("")
        return
    cpus = found.guest_vcpus()
    shown = {"vcpus": ranges(cpus.present), "online": ranges(cpus.online), "offlinable": ranges(cpus.offlinable)}
    shell.data(cpus, "\n".join(f"{name:<15}: {value}" for name, value in shown.items()))


# -- IOThreads --------------------------------------------------------------------------------------------------

iothread_id = data("id", type=click.IntRange(min=1), help="Number of the IOThread.")


@command("iothreadinfo")
@domain()
@affects()
def iothreadinfo(shell: Shell, domain: str, affect: Affect) -> None:
    """The IOThreads and the host CPUs they may run on."""
    threads = shell.domain(domain).iothreads(affect=affect)
    if not threads and not shell.json:
        shell.print("No IOThreads found for the domain")
        return
    shell.table(("IOThread ID", "CPU Affinity"), [(each.number, ranges(each.affinity)) for each in threads], threads)


@command("iothreadadd")
@domain()
@iothread_id
@affects()
def iothreadadd(shell: Shell, domain: str, id: int, affect: Affect) -> None:
    """Disks name the IOThread that serves them."""
    shell.domain(domain).add_iothread(id, affect=affect)
    shell.done("")


@command("iothreaddel")
@domain()
@iothread_id
@affects()
def iothreaddel(shell: Shell, domain: str, id: int, affect: Affect) -> None:
    """No disk may use it."""
    shell.domain(domain).remove_iothread(id, affect=affect)
    shell.done("")


@command("iothreadpin")
@domain()
@data("iothread", type=click.IntRange(min=1), help="Number of the IOThread.")
@data("cpulist", type=cpu_set, help="Host CPUs: 0-3,^2.")
@affects()
def iothreadpin(shell: Shell, domain: str, iothread: int, cpulist: frozenset[int], affect: Affect) -> None:
    """iothreadinfo shows the present ones."""
    shell.domain(domain).pin_iothread(iothread, cpulist, affect=affect)
    shell.done("")


@command("iothreadset")
@domain()
@iothread_id
@numbers(
    {
        "poll-max-ns": "Longest time to poll, in nanoseconds.",
        "poll-grow": "Factor by which that time grows; 0 is the default.",
        "poll-shrink": "Divisor by which it shrinks; 0 is the default.",
        "thread-pool-min": "Threads kept ready.",
        "thread-pool-max": "Most threads.",
    },
    type=NUMBER,
)
@affects()
def iothreadset(shell: Shell, domain: str, id: int, affect: Affect, **values: int | None) -> None:
    """domstats --iothread shows the present values."""
    if not (wanted := given(values)):
        raise UsageFault("not enough arguments passed, nothing to set")
    shell.domain(domain).set_iothread_parameters(id, wanted, affect=affect)
    shell.done("", **wanted)


@command("schedinfo")
@domain()
@numbers({"weight": "Weight, in Xen's credit schedulers.", "cap": "Cap, in Xen's credit schedulers."}, type=NUMBER)
@data("set", rest=True, required=False, help="NAME=VALUE, such as cpu_shares=2048.")
@affects()
def schedinfo(
    shell: Shell, domain: str, weight: int | None, cap: int | None, set: tuple[str, ...], affect: Affect
) -> None:
    """Which scheduler, and the domain's share of it; set those that are named first."""
    found = shell.domain(domain)
    wanted = given({"weight": weight, "cap": cap}) | dict(map(_assignment, set))
    if wanted:
        found.set_scheduler_parameters(wanted, affect=affect)
    scheduler = found.scheduler(affect=affect)
    shell.data(scheduler, settings({"Scheduler": scheduler.name, **scheduler.parameters.values}))


def _assignment(text: str) -> tuple[str, int]:
    name, equals, value = text.partition("=")
    try:
        if not equals:
            raise ValueError
        return name, int(value)
    except ValueError:
        raise UsageFault(f"{text!r}: write NAME=VALUE, the value a whole number") from None
