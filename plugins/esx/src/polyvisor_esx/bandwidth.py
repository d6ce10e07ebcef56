"""How much a network card may send: ``resourceAllocation`` of the card, in Mbit/s.

VMware limits cards one by one on distributed switches with network I/O control, version 3, switched on, and only what
they send. On other switches the port group has a traffic shaping policy for all of its cards, which is the network's.
"""

from __future__ import annotations

from typing import Any

from pyVmomi import vim

from polyvisor.errors import InvalidArgument, UnsupportedConfiguration
from polyvisor.operations.tuning import Bandwidth, InterfaceBandwidth
from polyvisor.spi import Affect, DomainRef
from polyvisor_esx import vim_writing
from polyvisor_esx.guests import STATE, state_of
from polyvisor_esx.metadata import require_live
from polyvisor_esx.session import EsxSession
from polyvisor_esx.usage import card_of

HARDWARE = "config.hardware.device"
UNLIMITED = -1
MEGABIT = 1_000_000 / 8 / 1024
"""KiB in one Mbit."""

CONTROL = ("config.networkResourceManagementEnabled", "config.networkResourceControlVersion")
VERSION = "version3"
"""The network I/O control that knows single cards (vSphere 6.0)."""

Card = vim.vm.device.VirtualEthernetCard


def _look(session: EsxSession, domain: DomainRef, name: str, affect: Affect) -> tuple[Any, Any]:
    machine, row = session.read(domain, (*STATE, HARDWARE))
    require_live(domain, affect, active=state_of(session, machine, row).state.active)
    return machine, card_of(domain, list(row.get(HARDWARE) or ()), name)


def get(session: EsxSession, domain: DomainRef, name: str, affect: Affect) -> InterfaceBandwidth:
    """The limit of what a card sends, in whole KiB/s."""
    _machine, card = _look(session, domain, name, affect)
    limit = getattr(card.resourceAllocation, "limit", None)
    if limit is None or limit == UNLIMITED:
        return InterfaceBandwidth()
    return InterfaceBandwidth(outbound=Bandwidth(average=int(limit * MEGABIT)))


def put(
    session: EsxSession,
    domain: DomainRef,
    name: str,
    inbound: Bandwidth | None,
    outbound: Bandwidth | None,
    affect: Affect,
) -> None:
    """Limit what a card sends, to whole Mbit/s: what is less than one counts as one."""
    machine, card = _look(session, domain, name, affect)
    for limit, floor in ((inbound, True), (outbound, False)):
        if limit is not None:
            _check(limit, floor=floor)
    if inbound is not None and inbound != Bandwidth():
        raise UnsupportedConfiguration("VMware limits what a card sends, not what it receives", driver="esx")
    if outbound is None:
        return
    if outbound.peak or outbound.burst:
        raise UnsupportedConfiguration("VMware limits a card to an average, without peaks and bursts", driver="esx")
    allocation = card.resourceAllocation or Card.ResourceAllocation(
        reservation=0, share=vim.SharesInfo(level="normal", shares=50)
    )
    if outbound == Bandwidth() and allocation.limit in (None, UNLIMITED):
        return
    _require_control(session, domain, card)
    allocation.limit = -int(-outbound.average // MEGABIT) or UNLIMITED
    card.resourceAllocation = allocation
    session.wait(machine.ReconfigVM_Task(spec=vim.vm.ConfigSpec(deviceChange=[vim_writing.edited(card)])))


def _check(limit: Bandwidth, *, floor: bool) -> None:
    """Raise InvalidArgument for what no ``<bandwidth>`` may say."""
    if min(limit.average, limit.peak, limit.burst, limit.floor) < 0:
        raise InvalidArgument("a rate is not negative", driver="esx")
    if (limit.peak or limit.burst) and not limit.average:
        raise InvalidArgument("a peak or a burst needs an average", driver="esx")
    if limit.floor and not floor:
        raise InvalidArgument("only what comes in can have a guaranteed floor", driver="esx")


def _require_control(session: EsxSession, domain: DomainRef, card: Any) -> None:
    """Raise UnsupportedConfiguration unless the card is on a switch that limits single cards."""
    port = getattr(card.backing, "port", None)
    key = getattr(port, "portgroupKey", None)
    if key is None:
        raise UnsupportedConfiguration(
            f"{card.macAddress} of {domain} is on a standard switch, which limits no single card",
            driver="esx",
            hint="limit its port group, or connect it to a distributed switch with network I/O control",
        )
    group = vim.dvs.DistributedVirtualPortgroup(key, session.transport)
    path = "config.distributedVirtualSwitch"
    switch = session.properties(type(group), (path,), [group])[group].get(path)
    found = session.properties(vim.DistributedVirtualSwitch, CONTROL, [switch])[switch] if switch is not None else {}
    if not found.get(CONTROL[0]) or found.get(CONTROL[1]) != VERSION:
        raise UnsupportedConfiguration(
            f"the distributed switch that {card.macAddress} of {domain} is on has no network I/O control of version 3",
            driver="esx",
            hint="switch it on in the switch's settings",
        )
