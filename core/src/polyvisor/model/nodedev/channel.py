"""Devices of s390x hosts: channel subsystem and cryptographic adapters."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, child, children, element, text, value, variant
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

    type: Literal["ccwgroup_member"] = attribute(required=True)
    group_device: str = value(dt.STRING, name="group_device", required=True)


@variant("ccw")
class ChannelDevice(Capability):
    """A channel-attached device."""

    cssid: int = value(CSSID, required=True)
    ssid: int = value(SSID, required=True)
    devno: int = value(DEVNO, required=True)
    group: GroupMember | None = child("capability")


@element("channel_dev_addr")
class ChannelDeviceAddress(Element):
    """The device behind a subchannel."""

    cssid: int = value(CSSID, required=True)
    ssid: int = value(SSID, required=True)
    devno: int = value(DEVNO, required=True)


@variant("css")
class Subchannel(Capability):
    """A subchannel."""

    cssid: int = value(CSSID, required=True)
    ssid: int = value(SSID, required=True)
    devno: int = value(DEVNO, required=True)
    channel_dev_addr: ChannelDeviceAddress | None = child()
    types: MediatedDeviceTypes | None = child("capability")


@element("ccw_device")
class GroupedDevice(Element):
    """A device of the group; ``ref`` is its role in it (``cdev0``)."""

    ref: str = attribute(dt.STRING, required=True)
    name: str = text(dt.STRING, required=True)


@element("members")
class GroupMembers(Element):
    """The devices of the group."""

    devices: list[GroupedDevice] = children("ccw_device")


@element("capability")
class QethCard(Element):
    """A network adapter: the type of card and the channel path it is on."""

    type: Literal["qeth_generic"] = attribute(required=True)
    card_type: str | None = value(dt.STRING, name="card_type")
    chpid: str | None = value(dt.STRING)


@variant("ccwgroup")
class ChannelGroup(Capability):
    """Several channel-attached devices that make up one."""

    state: Literal["online", "offline"] = value(required=True)
    cssid: int = value(CSSID, required=True)
    ssid: int = value(SSID, required=True)
    devno: int = value(DEVNO, required=True)
    members: GroupMembers | None = child()
    card: QethCard | None = child("capability")


@variant("ap_card")
class AdjunctCard(Capability):
    """A cryptographic adapter."""

    adapter: int = value(AP_ADAPTER, name="ap-adapter", required=True)


@variant("ap_queue")
class AdjunctQueue(Capability):
    """A queue of a cryptographic adapter: one usage domain of it."""

    adapter: int = value(AP_ADAPTER, name="ap-adapter", required=True)
    domain: int = value(AP_DOMAIN, name="ap-domain", required=True)


@variant("ap_matrix")
class AdjunctMatrix(Capability):
    """The virtual parent of mediated devices made of adapters and usage domains."""

    types: MediatedDeviceTypes | None = child("capability")
