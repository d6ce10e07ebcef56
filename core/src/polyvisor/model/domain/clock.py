"""The guest's clock and timers."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from polyvisor.documents import Element, attribute, child, children, element, required, variant
from polyvisor.documents import datatypes as dt

ADJUSTMENT = dt.Datatype("clockAdjustment", pattern=r"reset|[+\-]?[0-9]+", describe="a number of seconds, or 'reset'")


TIME_ZONE = dt.Datatype("time zone", pattern=r"[a-zA-Z0-9_/+\-:.]+", describe="a time zone such as Europe/Paris")


class TimerName(StrEnum):
    """Sources of guest time."""

    PLATFORM = "platform"
    HPET = "hpet"
    KVMCLOCK = "kvmclock"
    PIT = "pit"
    RTC = "rtc"
    TSC = "tsc"
    HYPERVCLOCK = "hypervclock"
    ARMVTIMER = "armvtimer"


@element("catchup")
class Catchup(Element):
    """When and how fast missed ticks are delivered."""

    threshold: int | None = attribute(dt.UINT64)
    slew: int | None = attribute(dt.UINT64)
    limit: int | None = attribute(dt.UINT64)


@element("timer")
class Timer(Element):
    """One source of time: whether the guest has it, and what becomes of missed ticks."""

    name: TimerName = required(attribute())
    present: bool | None = attribute(dt.BOOL)
    tickpolicy: Literal["delay", "catchup", "merge", "discard"] | None = attribute()
    track: Literal["boot", "guest", "wall", "realtime"] | None = attribute(when={"name": ("platform", "rtc")})
    frequency: int | None = attribute(dt.UINT64, when={"name": ("tsc",)}, doc="In Hz.")
    mode: Literal["auto", "native", "emulate", "paravirt", "smpsafe"] | None = attribute(when={"name": ("tsc",)})
    catchup: Catchup | None = child()


@element("clock", by="offset")
class Clock(Element):
    """What time the guest's clock starts from."""

    offset: Literal["utc", "localtime", "timezone", "variable", "absolute"] = attribute(required=True)
    timers: list[Timer] = children("timer")


@variant("utc", "localtime")
class HostClock(Clock):
    """The host's time, in UTC or in local time."""

    adjustment: str | None = attribute(ADJUSTMENT)


@variant("timezone")
class ZoneClock(Clock):
    """The time in a named zone."""

    timezone: str | None = attribute(TIME_ZONE)


@variant("variable")
class VariableClock(Clock):
    """The host's time plus a number of seconds that follows the guest's own settings."""

    adjustment: str | None = attribute(ADJUSTMENT)
    basis: Literal["utc", "localtime"] | None = attribute()
    start: int | None = attribute(dt.UINT64, volatile=True)


@variant("absolute")
class AbsoluteClock(Clock):
    """A fixed number of seconds since 1970-01-01 UTC."""

    start: int | None = attribute(dt.UINT64)
