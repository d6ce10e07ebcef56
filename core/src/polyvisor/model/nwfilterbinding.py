"""The network filter binding document: a filter at work on the port of a guest."""

from __future__ import annotations

from polyvisor.documents import Element, attribute, child, element, required, value
from polyvisor.documents import datatypes as dt
from polyvisor.model.nwfilter import FilterReference


@element("owner")
class BindingOwner(Element):
    """The guest that the port belongs to."""

    name: str = required(value(dt.NONEMPTY))
    uuid: str = required(value(dt.UUID))


@element("portdev")
class PortDevice(Element):
    """The host's end of the guest's interface: ``vnet0``."""

    name: str = required(attribute(dt.NONEMPTY))


@element("linkdev")
class LinkDevice(Element):
    """The device of the host that a macvtap port is stacked on."""

    name: str = required(attribute(dt.NONEMPTY))


@element("mac")
class BindingMac(Element):
    """The hardware address that the guest has at the port."""

    address: str = required(attribute(dt.MAC))


@element("filterbinding", kind="nwfilterbinding")
class FilterBinding(Element):
    """A filter bound to a port."""

    owner: BindingOwner = required(child())
    portdev: PortDevice = required(child())
    linkdev: LinkDevice | None = child()
    mac: BindingMac = required(child())
    filterref: FilterReference = required(child())


def complete(binding: FilterBinding) -> FilterBinding:
    """Bring the document, in place, into the order in which it is written. Returns ``binding``.

    The parameters that a filter gets unasked (MAC, IP) are added when it is put to work, not here."""
    binding.filterref.sort()
    return binding
