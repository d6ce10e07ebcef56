"""What networks run by dnsmasq(8) add to a network document: lines for its configuration file, given on unchecked."""

from __future__ import annotations

from polyvisor.documents import Element, attribute, children, element, required
from polyvisor.documents import datatypes as dt

NAMESPACE = "http://libvirt.org/schemas/network/dnsmasq/1.0"
"""The namespace libvirt gave these elements."""


@element("option", namespace=NAMESPACE, prefix="dnsmasq")
class DnsmasqOption(Element):
    """A line for the configuration file: ``address=/example.com/10.0.0.1``."""

    value: str = required(attribute(dt.STRING))


@element("options", namespace=NAMESPACE, prefix="dnsmasq", extends="network")
class DnsmasqOptions(Element):
    """Lines for the configuration file."""

    options: list[DnsmasqOption] = children("option")


CLASSES: tuple[type[Element], ...] = (DnsmasqOptions,)
"""What the package contributes to documents."""
