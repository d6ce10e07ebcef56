"""Changing one section of a network: adding, removing or replacing an entry (``virsh net-update``).

Entries to remove are described by what is known of them: ``<host mac='52:54:00:00:00:01'/>``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any, Literal, NamedTuple

from polyvisor.documents import Element, attribute, element, read, required, values
from polyvisor.documents import datatypes as dt
from polyvisor.errors import AlreadyExists, InvalidArgument, NotFound
from polyvisor.model.addressing import HOST_NAME, IP, UNICAST_MAC_AS_WRITTEN
from polyvisor.model.network import Network, PortGroup
from polyvisor.model.network.completion import check, complete
from polyvisor.model.network.dns import Dns, DnsHost, DnsService, DnsText
from polyvisor.model.network.forward import ForwardInterface
from polyvisor.model.network.ip import DUID, Dhcp, DhcpHost, DhcpRange, NetworkIp


class NetworkSection(StrEnum):
    """The sections that can be changed by themselves."""

    IP_DHCP_HOST = "ip-dhcp-host"
    IP_DHCP_RANGE = "ip-dhcp-range"
    FORWARD_INTERFACE = "forward-interface"
    PORTGROUP = "portgroup"
    DNS_HOST = "dns-host"
    DNS_TXT = "dns-txt"
    DNS_SRV = "dns-srv"


class UpdateCommand(StrEnum):
    """What to do to a section."""

    ADD_FIRST = "add-first"
    ADD_LAST = "add-last"
    DELETE = "delete"
    MODIFY = "modify"


def update(
    network: Network,
    command: UpdateCommand | str,
    section: NetworkSection | str,
    entry: Element | str | bytes,
    *,
    parent_index: int = -1,
) -> Network:
    """A completed and checked copy of the network with one entry of a section changed.

    ``entry`` is an element of the section as XML or as an object. ``parent_index`` says which ``<ip>`` is meant;
    -1 has it chosen: the one of the entry's family that has DHCP already, else the first.

    Raises InvalidArgument for a command or section there is not, InvalidDocument for an entry that is not valid or
    that the network then contradicts, AlreadyExists and NotFound for the entry."""
    chosen = _of(NetworkSection, section, "section")
    said = _of(UpdateCommand, command, "command")
    rules = _SECTIONS[chosen]
    if said is UpdateCommand.MODIFY and not rules.modifiable:
        raise InvalidArgument(f"entries of {chosen} cannot be modified", hint="delete the entry and add another")
    changed = network.copy()
    partial = said is UpdateCommand.DELETE
    given = _entry(entry, (rules.partial or rules.element) if partial else rules.element)
    entries = rules.entries(changed, given, parent_index)
    _COMMANDS[said](_Change(network.name, chosen, rules, entries, given))
    _settle(changed, chosen)
    check(complete(changed))
    return changed


# -- what identifies an entry ------------------------------------------------------------------------------------


@element("host")
class PartialDhcpHost(Element):
    """What is known of a DHCP host."""

    mac: str | None = attribute(UNICAST_MAC_AS_WRITTEN)
    id: str | None = attribute(DUID)
    name: str | None = attribute(dt.STRING)
    ip: str | None = attribute(IP)


@element("txt")
class PartialDnsText(Element):
    """What is known of a TXT record."""

    name: str = required(attribute(HOST_NAME))
    value: str | None = attribute(dt.STRING)


@element("srv")
class PartialDnsService(Element):
    """What is known of a SRV record."""

    service: str | None = attribute(dt.STRING)
    protocol: Literal["tcp", "udp"] | None = attribute()
    domain: str | None = attribute(HOST_NAME)
    target: str | None = attribute(dt.STRING)
    port: int | None = attribute(dt.UINT16)
    priority: int | None = attribute(dt.UINT16)
    weight: int | None = attribute(dt.UINT16)


@element("host")
class PartialDnsHost(Element):
    """What is known of the names of an address."""

    ip: str | None = attribute(IP)
    hostnames: list[str] = values(HOST_NAME, tag="hostname")


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _agree(entry: Any, given: Any, names: tuple[str, ...]) -> Iterator[bool]:
    """For each of the fields that ``given`` says: whether ``entry`` has the same."""
    for name in names:
        if (value := getattr(given, name)) is not None:
            yield _folded(getattr(entry, name)) == _folded(value)


def _all(*names: str) -> Callable[[Any, Any], bool]:
    """Whether an entry has everything that is said; nothing said fits nothing."""

    def same(entry: Any, given: Any) -> bool:
        found = list(_agree(entry, given, names))
        return bool(found) and all(found)

    return same


def _any(*names: str) -> Callable[[Any, Any], bool]:
    """Whether an entry has something of what is said."""
    return lambda entry, given: any(_agree(entry, given, names))


def _same_dns_host(entry: DnsHost, given: DnsHost | PartialDnsHost) -> bool:
    return entry.ip == given.ip or not set(entry.hostnames).isdisjoint(given.hostnames)


# -- where the entries are ---------------------------------------------------------------------------------------


def _portgroups(network: Network, given: Any, parent_index: int) -> list[Any]:
    return network.portgroups


def _interfaces(network: Network, given: Any, parent_index: int) -> list[Any]:
    if network.forward is None:
        raise InvalidArgument(f"network '{network.name}' is isolated: it has no <forward>")
    return network.forward.interfaces


def _dns(name: str) -> Callable[[Network, Any, int], list[Any]]:
    def entries(network: Network, given: Any, parent_index: int) -> list[Any]:
        network.dns = network.dns or Dns()
        found: list[Any] = getattr(network.dns, name)
        return found

    return entries


def _dhcp(name: str) -> Callable[[Network, Any, int], list[Any]]:
    def entries(network: Network, given: Any, parent_index: int) -> list[Any]:
        ip = _ip(network, getattr(given, "ip" if name == "hosts" else "start"), parent_index)
        ip.dhcp = ip.dhcp or Dhcp()
        found: list[Any] = getattr(ip.dhcp, name)
        return found

    return entries


def _ip(network: Network, address: str | None, parent_index: int) -> NetworkIp:
    """The ``<ip>`` whose DHCP is meant."""
    version = None if address is None else 6 if ":" in address else 4
    if parent_index >= 0:
        if parent_index >= len(network.ips):
            raise InvalidArgument(f"network '{network.name}' has no <ip> of index {parent_index}")
        chosen = network.ips[parent_index]
    else:
        fitting = [ip for ip in network.ips if ip.version == (version or 4)]
        if not fitting:
            raise InvalidArgument(f"network '{network.name}' has no IPv{version or 4} address for DHCP")
        chosen = next((ip for ip in fitting if ip.dhcp is not None), fitting[0])
    if version not in (None, chosen.version):
        raise InvalidArgument(f"{address} is an IPv{version} address; the <ip> of the network is IPv{chosen.version}")
    if any(ip.dhcp is not None and ip.version == chosen.version and ip is not chosen for ip in network.ips):
        raise InvalidArgument(f"network '{network.name}' has DHCP at another of its IPv{chosen.version} addresses")
    return chosen


class _Section(NamedTuple):
    """``matches``: is it what a delete or modify means; ``clashes``: can it not stand beside what is added."""

    element: type[Element]
    entries: Callable[[Network, Any, int], list[Any]]
    matches: Callable[[Any, Any], bool]
    clashes: Callable[[Any, Any], bool]
    partial: type[Element] | None = None
    modifies: Callable[[Any, Any], bool] | None = None

    @property
    def modifiable(self) -> bool:
        return self.modifies is not None


_HOST = ("mac", "id", "name", "ip")
_SERVICE = ("service", "protocol", "domain", "target")
_SECTIONS: dict[NetworkSection, _Section] = {
    NetworkSection.IP_DHCP_HOST: _Section(
        DhcpHost, _dhcp("hosts"), _all(*_HOST), _any(*_HOST), PartialDhcpHost, _any(*_HOST)
    ),
    NetworkSection.IP_DHCP_RANGE: _Section(DhcpRange, _dhcp("ranges"), _all("start", "end"), _all("start", "end")),
    NetworkSection.FORWARD_INTERFACE: _Section(ForwardInterface, _interfaces, _all("dev"), _all("dev")),
    NetworkSection.PORTGROUP: _Section(PortGroup, _portgroups, _all("name"), _all("name"), None, _all("name")),
    NetworkSection.DNS_HOST: _Section(DnsHost, _dns("hosts"), _same_dns_host, _all("ip"), PartialDnsHost),
    NetworkSection.DNS_TXT: _Section(DnsText, _dns("texts"), _all("name"), _all("name"), PartialDnsText),
    NetworkSection.DNS_SRV: _Section(DnsService, _dns("services"), _all(*_SERVICE), _all(*_SERVICE), PartialDnsService),
}


# -- what is done --------------------------------------------------------------------------------------------------


class _Change(NamedTuple):
    network: str
    section: NetworkSection
    rules: _Section
    entries: list[Any]
    given: Any

    @property
    def described(self) -> str:
        return str(self.given).strip().splitlines()[0]

    def none(self) -> NotFound:
        message = f"network '{self.network}' has no entry of {self.section} that fits {self.described}"
        return NotFound(message, target=f"network '{self.network}'")


def _insert(change: _Change, place: int) -> None:
    clash = next((each for each in change.entries if change.rules.clashes(each, change.given)), None)
    if clash is not None:
        raise AlreadyExists(
            f"network '{change.network}' has {str(clash).strip().splitlines()[0]} already",
            target=f"network '{change.network}'",
        )
    change.entries.insert(place, change.given)


def _delete(change: _Change) -> None:
    found = [each for each in change.entries if change.rules.matches(each, change.given)]
    if not found:
        raise change.none()
    if len(found) > 1:
        raise InvalidArgument(
            f"{len(found)} entries of {change.section} fit {change.described}", hint="say more of the one that is meant"
        )
    change.entries[:] = [each for each in change.entries if each is not found[0]]


def _modify(change: _Change) -> None:
    assert change.rules.modifies is not None
    for place, each in enumerate(change.entries):
        if change.rules.modifies(each, change.given):
            change.entries[place] = change.given
            return
    raise change.none()


_COMMANDS: dict[UpdateCommand, Callable[[_Change], None]] = {
    UpdateCommand.ADD_FIRST: lambda change: _insert(change, 0),
    UpdateCommand.ADD_LAST: lambda change: _insert(change, len(change.entries)),
    UpdateCommand.DELETE: _delete,
    UpdateCommand.MODIFY: _modify,
}


def _settle(network: Network, section: NetworkSection) -> None:
    """Let what repeats the section elsewhere follow it."""
    if section is NetworkSection.FORWARD_INTERFACE and network.forward is not None:
        interfaces = network.forward.interfaces
        network.forward.dev = interfaces[0].dev if interfaces else None
    defaults = [group.name for group in network.portgroups if group.default]
    if section is NetworkSection.PORTGROUP and len(defaults) > 1:
        raise AlreadyExists(
            f"network '{network.name}' would have two default port groups: {', '.join(defaults)}",
            target=f"network '{network.name}'",
        )


def _entry(entry: Element | str | bytes, cls: type[Element]) -> Element:
    if not isinstance(entry, Element):
        return read(entry, cls)
    return read(str(entry), cls)


def _of(enum: type[Any], said: str, what: str) -> Any:
    try:
        return enum(said)
    except ValueError:
        known = ", ".join(member.value for member in enum)
        raise InvalidArgument(f"there is no {what} {said!r}", hint=f"known: {known}") from None
