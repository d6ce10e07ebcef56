"""Options for dnsmasq(8) in a network document, in their own namespace; whoever runs dnsmasq contributes them.

They are lines for its configuration file, given on unchecked."""

from __future__ import annotations

from polyvisor.documents import Element, attribute, children, element
from polyvisor.documents import datatypes as dt

NAMESPACE = "http://libvirt.org/schemas/network/dnsmasq/1.0"


@element("option", namespace=NAMESPACE, prefix="dnsmasq")
class DnsmasqOption(Element):
    """A line for the configuration file: ``address=/example.com/10.0.0.1``."""

    value: str = attribute(dt.STRING, required=True)


@element("options", namespace=NAMESPACE, prefix="dnsmasq", extends="network")
class DnsmasqOptions(Element):
    """Lines for the configuration file."""

    options: list[DnsmasqOption] = children("option")


CONTRIBUTIONS: tuple[type[Element], ...] = (DnsmasqOptions,)
"""What to hand to :func:`polyvisor.model.parse` as ``contributions``."""
