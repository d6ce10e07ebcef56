"""Network devices of the host."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from polyvisor.documents import Element, attribute, child, children, element, required, value, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.nodedev.capability import Capability


class LinkState(StrEnum):
    """The operational state of a network device (``operstate`` in sysfs)."""

    UNKNOWN = "unknown"
    NOT_PRESENT = "notpresent"
    DOWN = "down"
    LOWER_LAYER_DOWN = "lowerlayerdown"
    TESTING = "testing"
    DORMANT = "dormant"
    UP = "up"


@element("link")
class NetworkLink(Element):
    """The state of the link and its speed in Mbit/s."""

    speed: int | None = attribute(dt.UINT)
    state: LinkState | None = attribute()


@element("feature")
class OffloadFeature(Element):
    """Work that the device takes off the CPU (``tso``, ``gro``) or a thing it can do (``rdma``, ``switchdev``)."""

    name: str = required(attribute(dt.STRING))


@element("capability")
class NetworkStandard(Element):
    """Wired (``80203``) or wireless (``80211``)."""

    type: Literal["80203", "80211"] = required(attribute())


@variant("net")
class NetworkCapability(Capability):
    """A network device: its name on the host and hardware address."""

    interface: str = required(value(dt.STRING))
    address: str | None = value(dt.MAC)
    link: NetworkLink | None = child()
    features: list[OffloadFeature] = children("feature")
    standard: NetworkStandard | None = child("capability")
