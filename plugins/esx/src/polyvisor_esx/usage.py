"""What one guest, one disk, one card, or a host has used since it was started: totals out of samples.

Where :mod:`polyvisor_esx.totals` has none because samples are missing, that is said; nothing is guessed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pyVmomi import vim

from polyvisor.errors import InvalidState, NoSuchDevice, UnsupportedConfiguration
from polyvisor.operations.host import CpuTimes
from polyvisor.operations.statistics import BlockStats, CpuStats, CpuUse, InterfaceStats
from polyvisor.spi import DomainRef
from polyvisor_esx import disks, totals, vim_reading
from polyvisor_esx.guests import STATE, state_of
from polyvisor_esx.hostfacts import facts, host
from polyvisor_esx.labels import cards_of
from polyvisor_esx.session import EsxSession
from polyvisor_esx.totals import PERCENT, USAGE, Asked, Series, Total

BOOT = "summary.runtime.bootTime"
HARDWARE = "config.hardware.device"
CPUS = "config.hardware.numCPU"
PATHS = (BOOT, HARDWARE)
"""What has to be known of a guest for its totals."""

USED: Series = ("cpu.used.summation", "")
"""Milliseconds of host CPUs."""

KIB = 1024
NANOSECONDS = 1_000_000_000

DISK: dict[str, tuple[str, int]] = {
    "read_requests": ("virtualDisk.numberReadAveraged.average", 1),
    "read_bytes": ("virtualDisk.read.average", KIB),
    "write_requests": ("virtualDisk.numberWriteAveraged.average", 1),
    "write_bytes": ("virtualDisk.write.average", KIB),
}
"""Field of a disk's account -> counter, and how much one of it is."""

CARD: dict[str, tuple[str, int]] = {
    "rx_bytes": ("net.received.average", KIB),
    "rx_packets": ("net.packetsRx.summation", 1),
    "rx_errors": ("net.errorsRx.summation", 1),
    "rx_dropped": ("net.droppedRx.summation", 1),
    "tx_bytes": ("net.transmitted.average", KIB),
    "tx_packets": ("net.packetsTx.summation", 1),
    "tx_errors": ("net.errorsTx.summation", 1),
    "tx_dropped": ("net.droppedTx.summation", 1),
}
"""The same of a network card's."""


def instances(hardware: list[Any]) -> dict[int, str]:
    """What counters call the hard disks and network cards of a guest, by the devices' keys."""
    found = {
        device.key: prefix.rstrip(".")
        for prefix, device in vim_reading.placed(hardware)
        if isinstance(device, vim.vm.device.VirtualDisk)
    }
    return found | {card.key: str(card.key) for card in cards_of(hardware).values()}


def series_of(hardware: list[Any]) -> list[Series]:
    """All that is added up of a guest."""
    found, cards = [USED], {card.key for card in cards_of(hardware).values()}
    for key, instance in instances(hardware).items():
        found += [(counter, instance) for counter, _one in (CARD if key in cards else DISK).values()]
    return found


def asked_of(row: Mapping[str, Any]) -> Asked | None:
    """What to add up of a guest from its :data:`PATHS`; None where it is not known since when it runs."""
    since = row.get(BOOT)
    return None if since is None else Asked(since, series_of(list(row.get(HARDWARE) or ())))


def account(
    session: EsxSession, total: Total, table: Mapping[str, tuple[str, int]], instance: str
) -> dict[str, int | None]:
    """A disk's or a card's account; None for what the server has no counter of."""
    known = totals.counters(session)
    return {
        name: total.sums.get((counter, instance), 0) * one if counter in known else None
        for name, (counter, one) in table.items()
    }


def cpu_ns(total: Total) -> int:
    """Nanoseconds of host CPUs that a guest has used."""
    return int(total.before * NANOSECONDS) + total.sums.get(USED, 0) * 1_000_000


# -- one guest ----------------------------------------------------------------------------------------------------


def _running(session: EsxSession, domain: DomainRef, *more: str) -> tuple[Any, dict[str, Any]]:
    machine, row = session.read(domain, (*STATE, *PATHS, *more))
    if not state_of(session, machine, row).state.active:
        raise InvalidState(f"{domain} is not running", target=str(domain), driver="esx")
    return machine, row


def _total(session: EsxSession, domain: DomainRef, machine: Any, row: dict[str, Any]) -> Total:
    asked = asked_of(row)
    total = totals.added_up(session, {machine: asked}).get(machine) if asked else None
    if total is None or not total.whole:
        raise _unknown(domain, row.get(BOOT))
    return total


def _unknown(domain: DomainRef, since: datetime | None) -> InvalidState:
    begun = "at a time that VMware does not tell" if since is None else f"on {since:%Y-%m-%d at %H:%M} UTC"
    return InvalidState(
        f"{domain} was started {begun}, and VMware keeps samples of the last hour only: what it has used since then is"
        " not known",
        target=str(domain),
        driver="esx",
        hint="rates of the last 20 seconds are in its statistics (group vm); a connection that asks at least once an"
        " hour from the start on knows the totals",
    )


def cpu(session: EsxSession, domain: DomainRef) -> CpuStats:
    """CPU time of a running guest; of one that was started long ago by what its server keeps of history."""
    machine, row = _running(session, domain, CPUS)
    asked = asked_of(row)
    if asked is None:
        raise _unknown(domain, None)
    total = totals.added_up(session, {machine: asked}).get(machine) or _followed(
        session, machine, asked, int(row[CPUS])
    )
    if total is None:
        raise _unknown(domain, asked.since)
    return CpuStats(CpuUse(cpu_ns(total)))


def _followed(session: EsxSession, entity: Any, asked: Asked, cpus: int) -> Total | None:
    """The total of what runs for longer than samples are kept, from history; it goes on with samples."""
    before = totals.busy(session, entity, asked.since, cpus)
    if before is None:
        return None
    return totals.follow(session, entity, asked.since, before)


def block(session: EsxSession, domain: DomainRef, name: str | None) -> BlockStats:
    """Requests and bytes of one disk, or of all; VMware counts nothing of drives, and no time."""
    machine, row = _running(session, domain)
    hardware = list(row.get(HARDWARE) or ())
    there = instances(hardware)
    if name is None:
        keys = [each.key for each in hardware if isinstance(each, vim.vm.device.VirtualDisk)]
    else:
        device = disks.named(domain, hardware, name)
        keys = [device.key] if isinstance(device, vim.vm.device.VirtualDisk) else []
        if not keys:
            return BlockStats()
    total = _total(session, domain, machine, row)
    accounts = [account(session, total, DISK, there[key]) for key in keys if key in there]
    known = [field for field, (counter, _one) in DISK.items() if counter in totals.counters(session)]
    return BlockStats(**{field: sum(each[field] or 0 for each in accounts) for field in known})


def interface(session: EsxSession, domain: DomainRef, name: str) -> InterfaceStats:
    """Traffic of one card, named by its address."""
    machine, row = _running(session, domain)
    card = card_of(domain, list(row.get(HARDWARE) or ()), name)
    return InterfaceStats(**account(session, _total(session, domain, machine, row), CARD, str(card.key)))


def card_of(domain: DomainRef, hardware: list[Any], name: str) -> Any:
    """The network card of that address. Raises NoSuchDevice."""
    known = cards_of(hardware)
    if name.lower() not in known or not name:
        raise NoSuchDevice(
            f"{domain} has no network card {name!r}",
            target=str(domain),
            driver="esx",
            hint=f"cards it has: {', '.join(known) or 'none'}",
        )
    return known[name.lower()]


# -- the host -------------------------------------------------------------------------------------------------------


def host_times(session: EsxSession) -> CpuTimes:
    """Time of all CPUs of the host. VMware does not tell its kernel from guests: all that was used is ``user``."""
    found = facts(session, "runtime.bootTime", "summary.hardware")
    machine, since = host(session), found.get("runtime.bootTime")
    cpus = int(found["summary.hardware"].numCpuThreads)
    total = None
    if since is not None:
        asked = Asked(since, [(USAGE, "")])
        total = totals.added_up(session, {machine: asked}).get(machine) or _followed(session, machine, asked, cpus)
    if total is None:
        raise UnsupportedConfiguration(
            "the host was started before the server's statistics begin: what its CPUs have done since is not known",
            driver="esx",
            hint="a vCenter keeps statistics of a year: connect to the host through its vCenter",
        )
    used = int((total.before + total.sums.get((USAGE, ""), 0) / PERCENT * cpus) * NANOSECONDS)
    whole = int((total.until - total.since).total_seconds() * cpus * NANOSECONDS)
    return CpuTimes(kernel=0, user=used, idle=max(whole - used, 0))
