"""What networks, port groups and ports of networks share: kinds of switch port, VLANs, bandwidth."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import Literal

from polyvisor.documents import Element, attribute, child, children, element, required, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.contradictions import Contradiction

VLAN_ID = dt.number("VLAN id", 0, 4095)
PROFILE = dt.Datatype("profile", maximum=39, describe="the name of a profile, up to 39 characters")


def _either_base(name: str, digits: int) -> dt.Datatype:
    """Numbers read from hexadecimal or decimal, and written in decimal."""
    greatest = 16**digits - 1
    return dt.Datatype(
        name,
        members=(
            dt.Datatype(f"hexadecimal {name}", pattern=f"0[xX][0-9a-fA-F]{{1,{digits}}}"),
            dt.Datatype(f"decimal {name}", base="unsignedInt", maximum=greatest),
        ),
        parse=lambda text: int(text, 16) if text[:2] in ("0x", "0X") else int(text),
        format=lambda value: str(int(value)),
        describe=f"a number from 0 to {greatest}",
    )


OCTET = _either_base("octet", 2)
TYPE_ID = _either_base("type id", 6)


# -- kinds of port --------------------------------------------------------------------------------------------


class VirtualPortType(StrEnum):
    """How a port speaks to its switch."""

    VEPA = "802.1Qbg"
    PORT_EXTENDER = "802.1Qbh"
    OPENVSWITCH = "openvswitch"
    MIDONET = "midonet"


@element("parameters")
class VepaParameters(Element):
    """What an 802.1Qbg (VEPA) switch knows the port by."""

    managerid: int | None = attribute(OCTET)
    typeid: int | None = attribute(TYPE_ID)
    typeidversion: int | None = attribute(OCTET)
    instanceid: str | None = attribute(dt.UUID, doc="Made up when left out.")


@element("parameters")
class ProfileParameters(Element):
    """The profile that an 802.1Qbh port is to have."""

    profileid: str | None = attribute(PROFILE)


@element("parameters")
class OpenVSwitchParameters(Element):
    """What Open vSwitch knows the port by."""

    interfaceid: str | None = attribute(dt.UUID, doc="Made up when left out.")
    profileid: str | None = attribute(PROFILE)


@element("parameters")
class MidonetParameters(Element):
    """What MidoNet knows the port by."""

    interfaceid: str = required(attribute(dt.UUID))


@element("parameters")
class UntypedParameters(Element):
    """Parameters for a port whose type is said elsewhere: in a port group for its network, or the reverse."""

    managerid: int | None = attribute(OCTET)
    typeid: int | None = attribute(TYPE_ID)
    typeidversion: int | None = attribute(OCTET)
    instanceid: str | None = attribute(dt.UUID)
    interfaceid: str | None = attribute(dt.UUID)
    profileid: str | None = attribute(PROFILE)


@element("virtualport", by="type")
class VirtualPort(Element):
    """The kind of switch port that guests are plugged into."""

    type: VirtualPortType | None = attribute()


@variant("802.1Qbg")
class VepaPort(VirtualPort):
    """A port of an 802.1Qbg switch: traffic between guests takes the way through the switch (VEPA)."""

    parameters: VepaParameters | None = child()


@variant("802.1Qbh")
class PortExtenderPort(VirtualPort):
    """A port of an 802.1Qbh switch, reached through a port extender."""

    parameters: ProfileParameters | None = child()


@variant("openvswitch")
class OpenVSwitchPort(VirtualPort):
    """A port of an Open vSwitch bridge."""

    parameters: OpenVSwitchParameters | None = child()


@variant("midonet")
class MidonetPort(VirtualPort):
    """A port of a MidoNet network."""

    parameters: MidonetParameters = required(child())


@variant(None)
class UntypedPort(VirtualPort):
    """Parameters only; the type is said by what this is merged with."""

    parameters: UntypedParameters | None = child()


def tidy_port(port: VirtualPort | None) -> None:
    """Drop parameters of a port that say nothing."""
    if not isinstance(port, VepaPort | PortExtenderPort | OpenVSwitchPort | UntypedPort) or port.parameters is None:
        return
    parameters = port.parameters
    if not isinstance(parameters, VepaParameters):
        parameters.profileid = parameters.profileid or None
    if all(getattr(parameters, field.attr) is None for field in type(parameters).fields()):
        port.parameters = None


def port_contradictions(port: VirtualPort | None) -> Iterator[Contradiction]:
    """What is wrong with the port of a document that stands for itself: it says what type it is."""
    if port is not None and port.type is None:
        yield Contradiction(port, "the virtual port does not say its type", "type")


# -- VLANs ----------------------------------------------------------------------------------------------------


@element("tag")
class VlanTag(Element):
    """A VLAN that guests belong to; ``native_mode`` marks the one that frames without a tag belong to."""

    id: int = required(attribute(VLAN_ID))
    native_mode: Literal["tagged", "untagged"] | None = attribute(name="nativeMode")


@element("vlan")
class Vlan(Element):
    """The VLANs that guests belong to; more than one make a trunk."""

    trunk: Literal["yes"] | None = attribute()
    tags: list[VlanTag] = children("tag", min=1)

    def fill(self) -> None:
        """Several VLANs are a trunk, said or not."""
        if len(self.tags) > 1:
            self.trunk = "yes"


def vlan_contradictions(vlan: Vlan | None) -> Iterator[Contradiction]:
    """What is wrong with the VLANs: two of them native."""
    natives = [tag for tag in vlan.tags if tag.native_mode] if vlan is not None else []
    for tag in natives[1:]:
        yield Contradiction(tag, f"VLAN {natives[0].id} is the native one already", "nativeMode")


# -- bandwidth ------------------------------------------------------------------------------------------------


@element("outbound")
class Limit(Element):
    """KiB a second on average and at peak, and KiB that may go at peak speed in a burst."""

    average: int | None = attribute(dt.POSITIVE)
    peak: int | None = attribute(dt.POSITIVE)
    burst: int | None = attribute(dt.POSITIVE)


@element("inbound")
class InboundLimit(Limit):
    """The limit of what comes in; ``floor`` is what is guaranteed, in KiB a second."""

    floor: int | None = attribute(dt.POSITIVE)


@element("bandwidth")
class Bandwidth(Element):
    """Quality of service, seen from the guests."""

    inbound: InboundLimit | None = child()
    outbound: Limit | None = child()


@element("bandwidth")
class PortBandwidth(Bandwidth):
    """Quality of service of a port; ``class_id`` is its traffic class on the bridge (tc(8))."""

    class_id: int | None = attribute(dt.UINT, name="classID")


def bandwidth_contradictions(bandwidth: Bandwidth | None, *, floor: bool = False) -> Iterator[Contradiction]:
    """What is wrong with the limits; ``floor``: whether a guarantee can be given here."""
    for limit in (bandwidth.inbound, bandwidth.outbound) if bandwidth is not None else ():
        if limit is None:
            continue
        guaranteed = limit.floor if isinstance(limit, InboundLimit) else None
        if guaranteed is not None and not floor:
            yield Contradiction(limit, "only a port can be guaranteed bandwidth, not a whole network", "floor")
        elif limit.average is None and guaranteed is None:
            yield Contradiction(limit, f"<{limit.tag}> says no average", "average")
