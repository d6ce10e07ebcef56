"""``<clock>``: what time the guest's clock starts from, and its timers."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from polyvisor_qemu.support import only, refusal

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine


def add(line: CommandLine, guest: Guest) -> None:
    """``-rtc`` and the properties of timers."""
    clock: Any = guest.config.clock
    if clock is None:
        line.option("rtc", None, base="utc")
        return
    options: dict[str, object] = {"base": _base(clock, line)}
    for timer in clock.timers:
        _add_timer(timer, line, guest, options)
    line.listed("rtc", None, options)


def _base(clock: Any, line: CommandLine) -> str:
    match clock.offset:
        case "utc" | "localtime":
            if clock.adjustment not in (None, "0", "reset"):
                return _moment(time.time() + int(clock.adjustment) + (_zone() if clock.offset == "localtime" else 0))
            return str(clock.offset)
        case "variable":
            shift = _zone() if clock.basis == "localtime" else 0
            return _moment(time.time() + int(clock.adjustment or 0) + shift)
        case "absolute":
            return _moment(clock.start or 0)
    line.environment["TZ"] = clock.timezone or "UTC"
    return "localtime"


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))


def _zone() -> int:
    """Seconds that local time is ahead of UTC."""
    return time.localtime().tm_gmtoff


def _add_timer(timer: Any, line: CommandLine, guest: Guest, rtc: dict[str, object]) -> None:
    only(timer, "name", "present", "tickpolicy", "track", "frequency")
    policy = timer.tickpolicy
    match str(timer.name):
        case "rtc":
            rtc["clock"] = {"guest": "vm", "realtime": "rt", "boot": "rt", "wall": "host"}.get(timer.track or "")
            rtc["driftfix"] = {"catchup": "slew", "delay": None, None: None}.get(policy, policy)
            if policy not in (None, "catchup", "delay"):
                raise refusal(f"tickpolicy={policy!r} of <timer name='rtc'>", timer)
        case "pit":
            if policy in ("delay", "discard") and guest.kvm:
                line.plain("global", f"kvm-pit.lost_tick_policy={policy}")
            elif policy not in (None, "delay"):
                raise refusal(f"tickpolicy={policy!r} of <timer name='pit'>", timer)
        case "hpet":
            if policy is not None:
                raise refusal(f"tickpolicy={policy!r} of <timer name='hpet'>", timer)
        case "kvmclock" | "hypervclock" | "tsc":
            if policy is not None:
                raise refusal(f"tickpolicy={policy!r} of <timer name={str(timer.name)!r}>", timer)
        case name:
            raise refusal(f"<timer name={name!r}>", timer)


def machine_options(guest: Guest) -> dict[str, object]:
    """Timers that are options of the machine."""
    clock: Any = guest.config.clock
    timers = clock.timers if clock is not None else ()
    present = next((timer.present for timer in timers if timer.name == "hpet"), None)
    return {} if present is None else {"hpet": present}


def cpu_options(guest: Guest) -> list[str]:
    """Timers that are features of the CPU."""
    clock: Any = guest.config.clock
    found = []
    for timer in clock.timers if clock is not None else ():
        if timer.name == "kvmclock" and timer.present is not None:
            found.append(f"kvmclock={'on' if timer.present else 'off'}")
        elif timer.name == "hypervclock" and timer.present:
            found.append("hv-time=on")
        elif timer.name == "tsc" and timer.frequency is not None:
            found.append(f"tsc-frequency={timer.frequency}")
    return found
