"""Where bytes are stored: the ``<source>`` of disks, backing files, mirrors and firmware variables."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Literal

from polyvisor.documents import Element, OneOf, attribute, child, children, element, required, text, value, variant
from polyvisor.documents import datatypes as dt
from polyvisor.errors import InvalidArgument
from polyvisor.model.domain import scalars
from polyvisor.model.domain.address import PciSourceAddress
from polyvisor.model.domain.memory import Bytes


class NetworkProtocol(StrEnum):
    """How storage is reached over a network."""

    NBD = "nbd"
    ISCSI = "iscsi"
    RBD = "rbd"
    SHEEPDOG = "sheepdog"
    GLUSTER = "gluster"
    VXHS = "vxhs"
    NFS = "nfs"
    HTTP = "http"
    HTTPS = "https"
    FTP = "ftp"
    FTPS = "ftps"
    TFTP = "tftp"
    SSH = "ssh"


StorageFormat = Literal[
    "raw",
    "dir",
    "bochs",
    "cloop",
    "dmg",
    "iso",
    "vpc",
    "vdi",
    "fat",
    "vhd",
    "ploop",
    "cow",
    "qcow",
    "qcow2",
    "qed",
    "vmdk",
    "luks",
]


@element("seclabel", by="relabel")
class DeviceLabel(Element):
    """How a security model labels this device's files."""

    model: str | None = attribute(dt.NAME)
    relabel: bool | None = attribute(dt.BOOL)


@variant("yes")
class OwnLabel(DeviceLabel):
    """A label of their own."""

    label: str = required(value(dt.STRING))


@variant("no")
class KeptLabel(DeviceLabel):
    """The label they have is left as it is."""


@variant(None)
class ImpliedLabel(DeviceLabel):
    """A label of their own, or the guest's; ``labelskip`` says that the storage takes none."""

    labelskip: bool | None = attribute(dt.BOOL)
    label: str | None = value(dt.STRING)

    @property
    def runtime_only(self) -> bool:
        """Whether it only notes that the storage took no label."""
        return bool(self.labelskip)


@element("secret", rules=(OneOf("uuid", "usage"),))
class AuthSecret(Element):
    """The secret that holds a password, by UUID or by usage."""

    type: Literal["ceph", "iscsi"] = required(attribute())
    uuid: str | None = attribute(dt.UUID)
    usage: str | None = attribute(dt.STRING)


@element("auth")
class Auth(Element):
    """Who logs in to the storage, and with which secret."""

    username: str = required(attribute(dt.STRING))
    secret: AuthSecret = required(child())


@element("secret", rules=(OneOf("uuid", "usage"),))
class EncryptionSecret(Element):
    """The secret that holds a passphrase, by UUID or by usage."""

    type: Literal["passphrase"] = required(attribute())
    uuid: str | None = attribute(dt.UUID)
    usage: str | None = attribute(dt.STRING)


@element("encryption")
class Encryption(Element):
    """How stored data is encrypted."""

    format: Literal["default", "qcow", "luks", "luks2", "luks-any"] = required(attribute())
    engine: Literal["qemu", "librbd"] | None = attribute()
    secrets: list[EncryptionSecret] = children("secret")


@element("source")
class ReservationsHelper(Element):
    """The socket of a helper that handles persistent reservations."""

    type: Literal["unix"] = required(attribute())
    path: str = required(attribute(dt.ABSPATH))
    mode: Literal["client"] = required(attribute())


@element("reservations")
class Reservations(Element):
    """SCSI persistent reservations."""

    managed: bool | None = attribute(dt.BOOL)
    migration: bool | None = attribute(dt.BOOL)
    source: ReservationsHelper | None = child()


@element("slice")
class Slice(Element):
    """A part of the storage, in bytes."""

    type: Literal["storage"] = required(attribute())
    offset: int = required(attribute(dt.UINT64))
    size: int = required(attribute(dt.UINT64))


@element("slices")
class Slices(Element):
    """The part of the storage that is used."""

    slices: list[Slice] = children("slice", min=1)


@element("format")
class ImageFormat(Element):
    """The format of an image, and the limit of its metadata cache."""

    type: StorageFormat = required(attribute())
    metadata_cache: MetadataCache | None = child(name="metadata_cache")


@element("metadata_cache")
class MetadataCache(Element):
    """How much of a qcow2 image's metadata is kept in memory."""

    max_size: Bytes | None = child(name="max_size")


class Source(Element):
    """What every kind of storage can have."""

    startup_policy: Literal["mandatory", "requisite", "optional"] | None = attribute(name="startupPolicy")
    index: int | None = attribute(dt.POSITIVE, volatile=True)
    seclabels: list[DeviceLabel] = children("seclabel")
    encryption: Encryption | None = child()
    reservations: Reservations | None = child()
    slices: Slices | None = child()


class LocalSource(Source):
    """Storage that this host reaches by a path."""

    data_store: DataStore | None = child(name="dataStore")


@element("source")
class FileSource(LocalSource):
    """An image file, or the name of a group of descriptors passed in."""

    file: str | None = attribute(dt.STRING)
    fdgroup: str | None = attribute(dt.STRING)


@element("source")
class BlockSource(LocalSource):
    """A block device of the host."""

    dev: str | None = attribute(dt.STRING)


@element("source")
class DirectorySource(LocalSource):
    """A directory shown to the guest as a FAT disk."""

    dir: str | None = attribute(dt.STRING)


@element("source")
class VolumeSource(LocalSource):
    """A volume of a storage pool."""

    pool: str | None = attribute(dt.STRING)
    volume: str | None = attribute(dt.STRING)
    mode: Literal["host", "direct"] | None = attribute()


@element("source")
class NvmeSource(Source):
    """A namespace of an NVMe controller that the hypervisor drives itself."""

    type: Literal["pci"] = required(attribute())
    managed: bool | None = attribute(dt.BOOL)
    namespace: int = required(attribute(dt.POSITIVE))
    address: PciSourceAddress = required(child())


@element("reconnect")
class Reconnect(Element):
    """Whether and after how many seconds a lost connection is tried again."""

    enabled: bool | None = attribute(dt.BOOL)
    timeout: int | None = attribute(dt.UINT)


@element("source")
class VhostUserSource(Source):
    """A storage daemon behind a UNIX socket."""

    type: Literal["unix"] = required(attribute())
    path: str = required(attribute(dt.ABSPATH))
    reconnect: Reconnect | None = child()


@element("source")
class VdpaSource(Source):
    """A vhost-vdpa character device."""

    dev: str = required(attribute(dt.ABSPATH))


@element("host")
class StorageHost(Element):
    """A server: a name and port, or a UNIX socket."""

    name: str | None = attribute(scalars.HOST_NAME)
    port: int | None = attribute(dt.PORT)
    transport: Literal["tcp", "unix", "rdma"] | None = attribute()
    socket: str | None = attribute(dt.ABSPATH)


@element("snapshot")
class RbdSnapshot(Element):
    """A snapshot within the storage cluster."""

    name: str = required(attribute(dt.STRING))


@element("config")
class RbdConfig(Element):
    """The configuration file of a storage cluster."""

    file: str = required(attribute(dt.ABSPATH))


COOKIE = dt.Datatype("cookie", pattern="[!-~ ]+", describe="printable ASCII characters")


@element("cookie")
class Cookie(Element):
    """A cookie of an HTTP request."""

    name: str = required(attribute(dt.STRING))
    value: str = required(text(COOKIE))


@element("cookies")
class Cookies(Element):
    """Cookies of an HTTP request."""

    cookies: list[Cookie] = children("cookie", min=1)


@element("ssl")
class Tls(Element):
    """Whether the server's certificate is checked."""

    verify: bool = required(attribute(dt.BOOL))


@element("readahead")
class ReadAhead(Element):
    """How much is read ahead, in bytes."""

    size: int = required(attribute(dt.POSITIVE))


@element("timeout")
class Timeout(Element):
    """How long to wait for the server, in seconds."""

    seconds: int = required(attribute(dt.POSITIVE))


@element("iqn")
class InitiatorName(Element):
    """An iSCSI qualified name."""

    name: str = required(attribute(dt.STRING))


@element("initiator")
class Initiator(Element):
    """The name under which this host logs in to an iSCSI target."""

    iqn: InitiatorName = required(child())


@element("reconnect")
class NbdReconnect(Element):
    """For how many seconds a lost connection is tried again."""

    delay: int = required(attribute(dt.UINT))


@element("identity")
class SshIdentity(Element):
    """The user and key of an SSH connection."""

    username: str | None = attribute(dt.STRING)
    keyfile: str | None = attribute(dt.ABSPATH)
    agentsock: str | None = attribute(dt.ABSPATH)


@element("knownHosts")
class KnownHosts(Element):
    """The file with keys of known hosts."""

    path: str = required(attribute(dt.ABSPATH))


@element("identity")
class NfsIdentity(Element):
    """The user and group NFS sees."""

    user: str | None = attribute(dt.STRING)
    group: str | None = attribute(dt.STRING)


@element("source", by="protocol")
class NetworkSource(Source):
    """Storage behind a network protocol."""

    protocol: NetworkProtocol = attribute(required=True)
    hosts: list[StorageHost] = children("host")


@variant("nbd")
class NbdSource(NetworkSource):
    """An NBD export."""

    hosts: list[StorageHost] = children("host", min=1)
    name: str | None = attribute(dt.STRING)
    tls: bool | None = attribute(dt.BOOL)
    tls_hostname: str | None = attribute(dt.STRING, name="tlsHostname")
    reconnect: NbdReconnect | None = child()


@variant("iscsi")
class IscsiSource(NetworkSource):
    """A logical unit of an iSCSI target."""

    hosts: list[StorageHost] = children("host", min=1, max=1)
    name: str = required(attribute(dt.STRING))
    auth: Auth | None = child()
    initiator: Initiator | None = child()


@variant("rbd")
class RbdSource(NetworkSource):
    """An image in a Ceph cluster."""

    name: str | None = attribute(dt.STRING)
    snapshot: RbdSnapshot | None = child()
    config: RbdConfig | None = child()
    auth: Auth | None = child()


@variant("gluster", "vxhs")
class ClusterSource(NetworkSource):
    """A volume of a Gluster or VxHS cluster."""

    hosts: list[StorageHost] = children("host", min=1)

    name: str = required(attribute(dt.STRING))
    tls: bool | None = attribute(dt.BOOL)


@variant("sheepdog")
class SheepdogSource(NetworkSource):
    """A volume of a Sheepdog cluster."""

    name: str = required(attribute(dt.STRING))


@variant("nfs")
class NfsSource(NetworkSource):
    """A file on an NFS server."""

    hosts: list[StorageHost] = children("host", min=1)
    name: str = required(attribute(dt.STRING))
    identity: NfsIdentity | None = child()


@variant("http", "https", "ftp", "ftps", "tftp")
class UrlSource(NetworkSource):
    """A file on a web or FTP server."""

    hosts: list[StorageHost] = children("host", min=1)
    name: str = required(attribute(dt.STRING))
    query: str | None = attribute(dt.STRING)
    auth: Auth | None = child()
    ssl: Tls | None = child()
    cookies: Cookies | None = child()
    readahead: ReadAhead | None = child()
    timeout: Timeout | None = child()


@variant("ssh")
class SshSource(NetworkSource):
    """A file reached over SSH."""

    hosts: list[StorageHost] = children("host", min=1)
    name: str = required(attribute(dt.STRING))
    auth: Auth | None = child()
    identity: SshIdentity | None = child()
    known_hosts: KnownHosts | None = child(name="knownHosts")


def network_source(protocol: NetworkProtocol | str, name: str, hosts: list[StorageHost]) -> NetworkSource:
    """What ``name`` is on ``hosts``, of the class of the protocol; InvalidArgument for a protocol there is not."""
    try:
        chosen = NetworkProtocol(protocol)
    except ValueError:
        raise InvalidArgument(
            f"there is no network protocol {protocol!r} for storage", hint=f"known: {', '.join(NetworkProtocol)}"
        ) from None
    cls: Any = next(each for each in NetworkSource.declaration.variants if (chosen,) in each.declaration.keys)
    made: NetworkSource = cls(protocol=chosen, name=name, hosts=hosts)
    return made


SOURCES = {
    "file": FileSource,
    "block": BlockSource,
    "dir": DirectorySource,
    "network": NetworkSource,
    "volume": VolumeSource,
    "nvme": NvmeSource,
    "vhostuser": VhostUserSource,
    "vhostvdpa": VdpaSource,
}
"""The class of a ``<source>`` for each ``type`` of disk."""

AnySource = (
    FileSource
    | BlockSource
    | DirectorySource
    | NetworkSource
    | VolumeSource
    | NvmeSource
    | VhostUserSource
    | VdpaSource
)


@element("dataStore")
class DataStore(Element):
    """The file that holds the data of a qcow2 image whose metadata is apart."""

    type: Literal["file", "block", "network"] = required(attribute())
    format: ImageFormat = required(child())
    source: FileSource | BlockSource | NetworkSource = required(
        child(by="type", cases={"file": FileSource, "block": BlockSource, "network": NetworkSource})
    )
