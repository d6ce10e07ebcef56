"""Network interfaces."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self

from polyvisor.documents import Element, attribute, child, children, element, required, value, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain import scalars
from polyvisor.model.domain.address import AcpiIndex, Address, Alias, BootOrder, PciSourceAddress, VirtioOptions
from polyvisor.model.domain.devices.disk import BackendDomain
from polyvisor.model.domain.devices.storage import Reconnect


class InterfaceType(StrEnum):
    """What an interface is connected to."""

    NETWORK = "network"
    BRIDGE = "bridge"
    DIRECT = "direct"
    USER = "user"
    ETHERNET = "ethernet"
    HOSTDEV = "hostdev"
    VHOSTUSER = "vhostuser"
    VDPA = "vdpa"
    SERVER = "server"
    CLIENT = "client"
    MCAST = "mcast"
    UDP = "udp"
    INTERNAL = "internal"
    NULL = "null"
    VDS = "vds"


@element("mac")
class Mac(Element):
    """The interface's hardware address."""

    address: str = required(attribute(scalars.UNICAST))
    type: Literal["generated", "static"] | None = attribute()
    check: bool | None = attribute(dt.BOOL)


@element("source")
class NetworkAttachment(Element):
    """A virtual network, and a port group of it."""

    network: str = required(attribute(dt.STRING))
    portgroup: str | None = attribute(dt.STRING)
    portid: str | None = attribute(dt.UUID, volatile=True)
    bridge: str | None = attribute(dt.STRING, volatile=True)


@element("source")
class BridgeAttachment(Element):
    """A bridge of the host; ``network`` is the one that a running guest has it from."""

    network: str | None = attribute(dt.STRING, volatile=True)
    portgroup: str | None = attribute(dt.STRING, volatile=True)
    portid: str | None = attribute(dt.UUID, volatile=True)
    bridge: str = required(attribute(scalars.BRIDGE_NAME))


@element("source")
class DirectAttachment(Element):
    """A macvtap device on an interface of the host; ``network`` is the one that a running guest has it from."""

    network: str | None = attribute(dt.STRING, volatile=True)
    portgroup: str | None = attribute(dt.STRING, volatile=True)
    portid: str | None = attribute(dt.UUID, volatile=True)
    dev: str = required(attribute(dt.STRING))
    mode: Literal["vepa", "bridge", "private", "passthrough"] | None = attribute()


@element("source")
class UserAttachment(Element):
    """The interface of the host that a user-mode network goes out by."""

    dev: str | None = attribute(dt.STRING)


@element("ip")
class IpAddress(Element):
    """An IP address; ``prefix`` is the length of its network part."""

    address: str = required(attribute(dt.IP))
    family: Literal["ipv4", "ipv6"] | None = attribute()
    prefix: int | None = attribute(scalars.IP_PREFIX)
    peer: str | None = attribute(dt.IP)


@element("route")
class Route(Element):
    """A route of the guest's network."""

    family: Literal["ipv4", "ipv6"] | None = attribute()
    address: str = required(attribute(dt.IP))
    netmask: str | None = attribute(dt.IPV4)
    prefix: int | None = attribute(scalars.IP_PREFIX)
    gateway: str = required(attribute(dt.IP))
    metric: int | None = attribute(dt.POSITIVE)


@element("source")
class EthernetAttachment(Element):
    """Addresses and routes of the host's end."""

    ips: list[IpAddress] = children("ip")
    routes: list[Route] = children("route")


@element("source")
class HostdevAttachment(Element):
    """A PCI function of the host, given to the guest."""

    address: PciSourceAddress = required(child())


@element("source", by="type")
class VhostUserAttachment(Element):
    """The program that moves the packets of a vhost-user interface."""

    type: Literal["unix"] | None = attribute()


@variant("unix")
class VhostUserSocket(VhostUserAttachment):
    """A network daemon behind a UNIX socket."""

    path: str = required(attribute(dt.ABSPATH))
    mode: Literal["server", "client"] = required(attribute())
    reconnect: Reconnect | None = child()


@variant(None)
class VhostUserUplink(VhostUserAttachment):
    """The interface of the host that a program started with the guest (passt) goes out by."""

    dev: str | None = attribute(dt.STRING)


@element("source")
class VdpaAttachment(Element):
    """A vhost-vdpa character device."""

    dev: str = required(attribute(dt.ABSPATH))


@element("local")
class LocalEndpoint(Element):
    """This host's end of a UDP tunnel."""

    address: str | None = attribute(dt.IPV4)
    port: int | None = attribute(dt.PORT)


@element("source")
class SocketAttachment(Element):
    """A TCP socket to connect to, or a multicast group."""

    address: str = required(attribute(dt.IPV4))
    port: int = required(attribute(dt.PORT))


@element("source")
class ServerAttachment(Element):
    """A TCP socket to listen on."""

    address: str | None = attribute(dt.IPV4)
    port: int = required(attribute(dt.PORT))


@element("source")
class UdpAttachment(Element):
    """A UDP tunnel."""

    address: str = required(attribute(dt.IPV4))
    port: int = required(attribute(dt.PORT))
    local: LocalEndpoint = required(child())


@element("source")
class InternalAttachment(Element):
    """A network inside the hypervisor."""

    name: str = required(attribute(dt.STRING))


@element("source")
class SwitchAttachment(Element):
    """A port of a VMware distributed switch."""

    switchid: str = required(attribute(dt.STRING))
    portid: int | None = attribute(dt.INT64)
    portgroupid: str | None = attribute(dt.STRING)
    connectionid: int | None = attribute(dt.INT64)


ATTACHMENTS = {
    "network": NetworkAttachment,
    "bridge": BridgeAttachment,
    "direct": DirectAttachment,
    "user": UserAttachment,
    "ethernet": EthernetAttachment,
    "hostdev": HostdevAttachment,
    "vhostuser": VhostUserAttachment,
    "vdpa": VdpaAttachment,
    "server": ServerAttachment,
    "client": SocketAttachment,
    "mcast": SocketAttachment,
    "udp": UdpAttachment,
    "internal": InternalAttachment,
    "vds": SwitchAttachment,
}
"""The class of a ``<source>`` for each type of interface that has one."""

Attachment = (
    NetworkAttachment
    | BridgeAttachment
    | DirectAttachment
    | UserAttachment
    | EthernetAttachment
    | HostdevAttachment
    | VhostUserAttachment
    | VdpaAttachment
    | SocketAttachment
    | ServerAttachment
    | UdpAttachment
    | InternalAttachment
    | SwitchAttachment
)


@element("parameters")
class VirtualPortParameters(Element):
    """Identifiers a switch asks for."""

    managerid: str | None = attribute(dt.STRING)
    typeid: str | None = attribute(dt.STRING)
    typeidversion: str | None = attribute(dt.STRING)
    instanceid: str | None = attribute(dt.UUID)
    interfaceid: str | None = attribute(dt.UUID)
    profileid: str | None = attribute(dt.STRING)


@element("virtualport")
class VirtualPort(Element):
    """The kind of switch port the interface is plugged into."""

    type: Literal["802.1Qbg", "802.1Qbh", "openvswitch", "midonet"] | None = attribute()
    parameters: VirtualPortParameters | None = child()


@element("tag")
class VlanTag(Element):
    """A VLAN the interface belongs to."""

    id: int = required(attribute(scalars.VLAN_ID))
    native_mode: Literal["tagged", "untagged"] | None = attribute(name="nativeMode")


@element("vlan")
class Vlan(Element):
    """The VLANs the interface belongs to."""

    trunk: Literal["yes"] | None = attribute()
    tags: list[VlanTag] = children("tag", min=1)


@element("mtu")
class Mtu(Element):
    """The greatest packet, in bytes."""

    size: int = required(attribute(dt.UINT))


@element("link")
class Link(Element):
    """Whether the cable is plugged in."""

    state: Literal["up", "down"] = required(attribute())


@element("target")
class InterfaceTarget(Element):
    """The host's end of the interface. Names such as ``vnet7`` are made up at each start."""

    dev: str | None = attribute(dt.STRING)
    managed: bool | None = attribute(dt.BOOL)

    @property
    def runtime_only(self) -> bool:
        """Whether the name was made up for one run of the guest."""
        made_up = (self.dev or "").rstrip("0123456789") in ("vnet", "macvtap", "macvlan")
        return made_up and self.managed is not False


@element("guest")
class GuestEnd(Element):
    """The interface's name in a container."""

    dev: str | None = attribute(dt.STRING)
    actual: str | None = attribute(dt.STRING, volatile=True)


@element("model")
class InterfaceModel(Element):
    """The network card the guest sees."""

    type: str = required(attribute(scalars.MODEL))


@element("host")
class HostOffloads(Element):
    """Work the host does for the guest."""

    csum: bool | None = attribute(dt.ONOFF)
    gso: bool | None = attribute(dt.ONOFF)
    tso4: bool | None = attribute(dt.ONOFF)
    tso6: bool | None = attribute(dt.ONOFF)
    ecn: bool | None = attribute(dt.ONOFF)
    ufo: bool | None = attribute(dt.ONOFF)
    mrg_rxbuf: bool | None = attribute(dt.ONOFF)


@element("guest")
class GuestOffloads(Element):
    """Work the guest can take unfinished."""

    csum: bool | None = attribute(dt.ONOFF)
    tso4: bool | None = attribute(dt.ONOFF)
    tso6: bool | None = attribute(dt.ONOFF)
    ecn: bool | None = attribute(dt.ONOFF)
    ufo: bool | None = attribute(dt.ONOFF)


@element("driver")
class InterfaceDriver(VirtioOptions):
    """Options of the interface's device and its backend."""

    name: Literal["vhost", "qemu", "vfio", "xen", "kvm"] | None = attribute()
    txmode: Literal["iothread", "timer"] | None = attribute()
    ioeventfd: bool | None = attribute(dt.ONOFF)
    event_idx: bool | None = attribute(dt.ONOFF)
    queues: int | None = attribute(dt.POSITIVE)
    rx_queue_size: int | None = attribute(dt.POSITIVE)
    tx_queue_size: int | None = attribute(dt.POSITIVE)
    rss: bool | None = attribute(dt.ONOFF)
    rss_hash_report: bool | None = attribute(dt.ONOFF)
    model: str | None = attribute(dt.NAME)
    host: HostOffloads | None = child()
    guest: GuestOffloads | None = child()


@element("backend")
class InterfaceBackend(Element):
    """The program or device files behind the interface."""

    type: Literal["default", "passt"] | None = attribute()
    tap: str | None = attribute(dt.ABSPATH)
    vhost: str | None = attribute(dt.ABSPATH)
    log_file: str | None = attribute(dt.ABSPATH, name="logFile")
    hostname: str | None = attribute(dt.STRING)
    fqdn: str | None = attribute(dt.STRING)


@element("script")
class Script(Element):
    """A script of the host that sets the interface up or takes it down."""

    path: str = required(attribute(dt.STRING))


@element("frames")
class CoalesceFrames(Element):
    """How many frames may wait."""

    max: int | None = attribute(dt.UINT32)


@element("rx")
class CoalesceReceive(Element):
    """When received frames are announced."""

    frames: CoalesceFrames | None = child()


@element("coalesce")
class Coalesce(Element):
    """Interrupt coalescing of the host's end."""

    rx: CoalesceReceive | None = child()


@element("tune")
class InterfaceTune(Element):
    """Buffers of the host's end."""

    sndbuf: int | None = value(dt.UINT)


@element("inbound")
class BandwidthLimit(Element):
    """KiB a second on average and at peak, and KiB of burst at peak speed."""

    average: int | None = attribute(dt.UINT)
    peak: int | None = attribute(dt.UINT)
    burst: int | None = attribute(dt.UINT)


@element("inbound")
class InboundLimit(BandwidthLimit):
    """The limit of what comes in, and the least that is guaranteed."""

    floor: int | None = attribute(dt.UINT)


@element("bandwidth")
class InterfaceBandwidth(Element):
    """Quality of service of the interface."""

    inbound: InboundLimit | None = child()
    outbound: BandwidthLimit | None = child(name="outbound")


@element("rom")
class Rom(Element):
    """The option ROM of a PCI device."""

    enabled: bool | None = attribute(dt.BOOL)
    bar: bool | None = attribute(dt.ONOFF)
    file: str | None = attribute(dt.ABSPATH)


@element("parameter")
class FilterParameter(Element):
    """A variable handed to a network filter."""

    name: str = required(attribute(dt.STRING))
    value: str = required(attribute(dt.STRING))


@element("filterref")
class FilterReference(Element):
    """The network filter the interface's traffic passes."""

    filter: str = required(attribute(scalars.FILTER))
    parameters: list[FilterParameter] = children("parameter")


@element("teaming", by="type")
class Teaming(Element):
    """A pair of interfaces that the guest uses as one, so that it can be migrated."""

    type: Literal["persistent", "transient"] = attribute(required=True)


@variant("persistent")
class PersistentTeaming(Teaming):
    """The interface that stays."""


@variant("transient")
class TransientTeaming(Teaming):
    """The interface that is unplugged for a migration; ``persistent`` is the alias of the other."""

    persistent: str = required(attribute(scalars.ALIAS))


@element("port")
class PortOptions(Element):
    """Options of the bridge port."""

    isolated: bool | None = attribute(dt.BOOL)


@element("range")
class ForwardedRange(Element):
    """Host ports that are forwarded, to where, or left out."""

    start: int = required(attribute(dt.PORT))
    end: int | None = attribute(dt.PORT)
    to: int | None = attribute(dt.PORT)
    exclude: bool | None = attribute(dt.BOOL)


@element("portForward")
class PortForward(Element):
    """Ports of the host that lead to the guest."""

    proto: Literal["tcp", "udp"] = required(attribute())
    address: str | None = attribute(dt.IP)
    dev: str | None = attribute(dt.STRING)
    ranges: list[ForwardedRange] = children("range")


@element("interface")
class Interface(Element):
    """A network interface."""

    type: InterfaceType = required(attribute())
    managed: bool | None = attribute(dt.BOOL, when={"type": ("hostdev",)})
    trust_guest_rx_filters: bool | None = attribute(dt.BOOL, name="trustGuestRxFilters")
    mac: Mac | None = child()
    source: Attachment | None = child(by="type", cases=ATTACHMENTS)
    virtualport: VirtualPort | None = child()
    vlan: Vlan | None = child()
    backenddomain: BackendDomain | None = child()
    ips: list[IpAddress] = children("ip")
    routes: list[Route] = children("route")
    port_forwards: list[PortForward] = children("portForward")
    script: Script | None = child()
    downscript: Script | None = child(name="downscript")
    target: InterfaceTarget | None = child()
    guest: GuestEnd | None = child()
    model: InterfaceModel | None = child()
    driver: InterfaceDriver | None = child()
    backend: InterfaceBackend | None = child()
    filterref: FilterReference | None = child()
    teaming: Teaming | None = child()
    tune: InterfaceTune | None = child()
    link: Link | None = child()
    mtu: Mtu | None = child()
    coalesce: Coalesce | None = child()
    port: PortOptions | None = child()
    bandwidth: InterfaceBandwidth | None = child()
    boot: BootOrder | None = child()
    rom: Rom | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()

    def at_rest(self) -> Self:
        """The interface on its network again, where that gave a running guest a bridge or a card of the host."""
        held = self.source
        if not isinstance(held, BridgeAttachment | DirectAttachment) or held.network is None:
            return self
        source = NetworkAttachment(network=held.network, portgroup=held.portgroup)
        return self.replace(type=InterfaceType.NETWORK, source=source)

    @classmethod
    def network(cls, name: str = "default", *, mac: str | None = None, model: str | None = "virtio") -> Self:
        """An interface on a virtual network."""
        return cls._attached(InterfaceType.NETWORK, NetworkAttachment(network=name), mac, model)

    @classmethod
    def bridge(cls, name: str, *, mac: str | None = None, model: str | None = "virtio") -> Self:
        """An interface on a bridge of the host."""
        return cls._attached(InterfaceType.BRIDGE, BridgeAttachment(bridge=name), mac, model)

    @classmethod
    def user(cls, *, mac: str | None = None, model: str | None = "virtio") -> Self:
        """An interface on a user-mode network, which needs no privilege."""
        return cls._attached(InterfaceType.USER, None, mac, model)

    @classmethod
    def direct(cls, card: str, *, mac: str | None = None, model: str | None = "virtio") -> Self:
        """An interface bridged straight to a card of the host (macvtap); guest and host do not see each other."""
        source = DirectAttachment(dev=card, mode="bridge")
        return cls._attached(InterfaceType.DIRECT, source, mac, model)

    @classmethod
    def _attached(cls, type: InterfaceType, source: Attachment | None, mac: str | None, model: str | None) -> Self:
        return cls(
            type=type,
            source=source,
            mac=Mac(address=mac) if mac else None,
            model=InterfaceModel(type=model) if model else None,
        )
