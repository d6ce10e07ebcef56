"""What VMware Tools tell of the system inside a guest: the property ``guest`` (GuestInfo), kept by the server."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Iterator
from typing import Any

from polyvisor.errors import HypervisorError, InvalidArgument, InvalidState
from polyvisor.operations.guest import (
    AddressSource,
    GuestAddress,
    GuestFilesystem,
    GuestInfo,
    GuestInfoGroup,
    GuestInterface,
)
from polyvisor.spi import DomainRef, DomainState
from polyvisor_esx.guests import STATE, state_of
from polyvisor_esx.session import EsxSession

Figure = tuple[str, int | float | bool | str]
RUNNING = "guestToolsRunning"
MOST = 1024
"""Characters, and things, of what a guest says that are believed: it may say anything."""


def _guest(session: EsxSession, domain: DomainRef) -> Any:
    """The GuestInfo of a running guest whose Tools run. Raises InvalidState."""
    machine, row = session.read(domain, (*STATE, "guest"))
    if state_of(session, machine, row).state is not DomainState.RUNNING:
        raise InvalidState(f"{domain} is not running", target=str(domain), driver="esx")
    found = row.get("guest")
    if found is None or str(found.toolsRunningStatus) != RUNNING:
        raise InvalidState(f"VMware Tools do not run in {domain}", target=str(domain), driver="esx")
    return found


def _said(text: Any) -> str:
    """One line of what a guest says."""
    return "".join(each if each.isprintable() else "?" for each in str(text or "")[:MOST])


def hostname(session: EsxSession, domain: DomainRef) -> str:
    """The system's name for itself."""
    name = _said(_guest(session, domain).hostName)
    if not name:
        raise HypervisorError(f"VMware Tools in {domain} tell no host name", target=str(domain), driver="esx")
    return name


def interfaces(session: EsxSession, domain: DomainRef, source: AddressSource) -> list[GuestInterface]:
    """Network cards with their addresses, as Tools tell them; VMware's hosts hold no leases and ARP tables."""
    if source is not AddressSource.AGENT:
        machine, row = session.read(domain, STATE)
        if not state_of(session, machine, row).state.active:
            raise InvalidState(f"{domain} is not running", target=str(domain), driver="esx")
        return []
    return list(cards_of(_guest(session, domain)))


def cards_of(guest: Any) -> Iterator[GuestInterface]:
    """The cards in a GuestInfo, named by the numbers of their devices."""
    for number, card in enumerate((guest.net or ())[:MOST]):
        named = card.deviceConfigId if card.deviceConfigId is not None and card.deviceConfigId >= 0 else number
        configured = getattr(card.ipConfig, "ipAddress", None) or ()
        addresses = [_address(each.ipAddress, each.prefixLength) for each in configured[:MOST]]
        mac = _said(card.macAddress).lower() or None
        yield GuestInterface(str(named), mac, tuple(each for each in addresses if each is not None))


def _address(text: Any, prefix: Any) -> GuestAddress | None:
    """An address, if it is one."""
    try:
        found = ipaddress.ip_interface(f"{str(text).partition('%')[0]}/{int(prefix)}")
    except ValueError:
        return None
    return GuestAddress(f"ipv{found.version}", str(found.ip), found.network.prefixlen)


def filesystems(session: EsxSession, domain: DomainRef) -> list[GuestFilesystem]:
    """Mounted file systems."""
    return list(filesystems_of(_guest(session, domain)))


def filesystems_of(guest: Any) -> Iterator[GuestFilesystem]:
    """The file systems in a GuestInfo."""
    for each in (guest.disk or ())[:MOST]:
        path, total = _said(each.diskPath), each.capacity
        used = None if total is None or each.freeSpace is None else total - each.freeSpace
        yield GuestFilesystem(path, path, _said(getattr(each, "filesystemType", None)), total=total, used=used)


def info(session: EsxSession, domain: DomainRef, groups: Collection[GuestInfoGroup], *, enforce: bool) -> GuestInfo:
    """Figures of the groups that Tools know."""
    lacking = [group for group in groups if group not in (*GROUPS, GuestInfoGroup.HOSTNAME)]
    if lacking and enforce:
        raise InvalidArgument(f"VMware Tools tell nothing of {lacking[0].value}", driver="esx")
    return GuestInfo(figures_of(_guest(session, domain), groups))


def figures_of(guest: Any, groups: Collection[GuestInfoGroup]) -> dict[str, int | float | bool | str]:
    """The figures of these groups in a GuestInfo; no groups means all."""
    wanted = [group for group in GROUPS if not groups or group in groups]
    found = {f"{group.value}.{name}": value for group in wanted for name, value in GROUPS[group](guest)}
    if guest.hostName and (not groups or GuestInfoGroup.HOSTNAME in groups):
        found[GuestInfoGroup.HOSTNAME.value] = _said(guest.hostName)
    return found


def _system(guest: Any) -> Iterator[Figure]:
    for name, value in (("id", guest.guestId), ("pretty-name", guest.guestFullName), ("name", guest.guestFamily)):
        if value:
            yield name, _said(value)


def _filesystems(guest: Any) -> Iterator[Figure]:
    found = list(filesystems_of(guest))
    yield "count", len(found)
    for number, each in enumerate(found):
        yield f"{number}.mountpoint", each.mountpoint
        yield f"{number}.name", each.name
        yield f"{number}.fstype", each.type
        if each.total is not None:
            yield f"{number}.total-bytes", each.total
        if each.used is not None:
            yield f"{number}.used-bytes", each.used


def _interfaces(guest: Any) -> Iterator[Figure]:
    found = list(cards_of(guest))
    yield "count", len(found)
    for number, card in enumerate(found):
        yield f"{number}.name", card.name
        if card.mac:
            yield f"{number}.hwaddr", card.mac
        yield f"{number}.addr.count", len(card.addresses)
        for place, address in enumerate(card.addresses):
            yield f"{number}.addr.{place}.type", address.family
            yield f"{number}.addr.{place}.addr", address.address
            yield f"{number}.addr.{place}.prefix", address.prefix


GROUPS = {
    GuestInfoGroup.OS: _system,
    GuestInfoGroup.FILESYSTEMS: _filesystems,
    GuestInfoGroup.INTERFACES: _interfaces,
}
