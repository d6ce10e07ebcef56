"""What the network's name server answers: ``<dns>``."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, children, element, required, values
from polyvisor.documents import datatypes as dt
from polyvisor.model.addressing import HOST_NAME, IP


@element("forwarder")
class DnsForwarder(Element):
    """Where questions go: all of them, or those about ``domain``, which stay here when there is no ``addr``."""

    domain: str | None = attribute(HOST_NAME)
    addr: str | None = attribute(IP)


@element("txt")
class DnsText(Element):
    """A TXT record."""

    name: str = required(attribute(HOST_NAME))
    value: str = required(attribute(dt.STRING))


@element("host")
class DnsHost(Element):
    """The names of an address."""

    ip: str = required(attribute(IP))
    hostnames: list[str] = values(HOST_NAME, tag="hostname", min=1)


@element("srv")
class DnsService(Element):
    """A SRV record (RFC 2782); ``domain`` is the network's when left out, an empty ``target`` is none at all."""

    service: str = required(attribute(dt.STRING))
    protocol: Literal["tcp", "udp"] = required(attribute())
    domain: str | None = attribute(HOST_NAME)
    target: str | None = attribute(dt.STRING)
    port: int | None = attribute(dt.UINT16)
    priority: int | None = attribute(dt.UINT16)
    weight: int | None = attribute(dt.UINT16)


@element("dns")
class Dns(Element):
    """The name server; ``forward_plain_names``: whether questions about names without dots may leave the network."""

    enable: bool | None = attribute(dt.BOOL)
    forward_plain_names: bool | None = attribute(dt.BOOL, name="forwardPlainNames")
    forwarders: list[DnsForwarder] = children("forwarder")
    texts: list[DnsText] = children("txt")
    services: list[DnsService] = children("srv")
    hosts: list[DnsHost] = children("host")
