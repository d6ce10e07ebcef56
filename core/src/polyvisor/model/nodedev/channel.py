"""Devices of s390x hosts: channel subsystem and cryptographic adapters."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, child, children, element, required, text, value, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.nodedev.capability import Capability
from polyvisor.model.nodedev.mediated import MediatedDeviceTypes

CSSID = dt.hexadecimal(2, width=1, pattern="[0-9a-eA-E][0-9a-fA-F]?|[fF][0-9a-eA-E]?", maximum=0xFE)
SSID = dt.hexadecimal(1, pattern="[0-3]", maximum=3)
DEVNO = dt.hexadecimal(4)
AP_ADAPTER = dt.hexadecimal(2)
AP_DOMAIN = dt.hexadecimal(4, pattern="(0{0,2}|00)[0-9a-fA-F]{1,2}", maximum=0xFF)


@element("capability")
class GroupMember(Element):
    """The device is one of several that make up one, such as the three of a network adapter."""

    type: Literal["ccwgroup_member"] = required(attribute())
    group_device: str = required(value(dt.STRING, name="group_device"))


@variant("ccw")
class ChannelDevice(Capability):
    """A channel-attached device."""

    cssid: int = required(value(CSSID))
    ssid: int = required(value(SSID))
    devno: int = required(value(DEVNO))
    group: GroupMember | None = child("capability")


@element("channel_dev_addr")
class ChannelDeviceAddress(Element):
    """The device behind a subchannel."""

    cssid: int = required(value(CSSID))
    ssid: int = required(value(SSID))
    devno: int = required(value(DEVNO))


@variant("css")
class Subchannel(Capability):
    """A subchannel."""

    cssid: int = required(value(CSSID))
    ssid: int = required(value(SSID))
    devno: int = required(value(DEVNO))
    channel_dev_addr: ChannelDeviceAddress | None = child()
    types: MediatedDeviceTypes | None = child("capability")


@element("ccw_device")
class GroupedDevice(Element):
    """A device of the group; ``ref`` is its role in it (``cdev0``)."""

    ref: str = required(attribute(dt.STRING))
    name: str = required(text(dt.STRING))


@element("members")
class GroupMembers(Element):
    """The devices of the group."""

    devices: list[GroupedDevice] = children("ccw_device")


@element("capability")
class QethCard(Element):
    """A network adapter: the type of card and the channel path it is on."""

    type: Literal["qeth_generic"] = required(attribute())
    card_type: str | None = value(dt.STRING, name="card_type")
    chpid: str | None = value(dt.STRING)


@variant("ccwgroup")
class ChannelGroup(Capability):
    """Several channel-attached devices that make up one."""

    state: Literal["online", "offline"] = required(value())
    cssid: int = required(value(CSSID))
    ssid: int = required(value(SSID))
    devno: int = required(value(DEVNO))
    members: GroupMembers | None = child()
    card: QethCard | None = child("capability")


@variant("ap_card")
class AdjunctCard(Capability):
    """A cryptographic adapter."""

    adapter: int = required(value(AP_ADAPTER, name="ap-adapter"))


@variant("ap_queue")
class AdjunctQueue(Capability):
    """A queue of a cryptographic adapter: one usage domain of it."""

    adapter: int = required(value(AP_ADAPTER, name="ap-adapter"))
    domain: int = required(value(AP_DOMAIN, name="ap-domain"))


@variant("ap_matrix")
class AdjunctMatrix(Capability):
    """The virtual parent of mediated devices made of adapters and usage domains."""

    types: MediatedDeviceTypes | None = child("capability")
