"""Security labels, memory encryption, key wrapping, id mapping."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, children, element, required, value, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain import scalars


@element("seclabel", by="type")
class SecurityLabel(Element):
    """The label a security model gives the guest. A dynamic one belongs to the running guest only."""

    type: Literal["dynamic", "static", "none"] = attribute(required=True)
    model: str | None = attribute(dt.NAME)


@variant("dynamic")
class DynamicLabel(SecurityLabel):
    """A label chosen at each start."""

    relabel: bool | None = attribute(dt.BOOL)
    label: str | None = value(dt.STRING, volatile=True)
    imagelabel: str | None = value(dt.STRING, volatile=True)
    baselabel: str | None = value(dt.STRING)


@variant("static")
class StaticLabel(SecurityLabel):
    """A label given by the document."""

    relabel: bool | None = attribute(dt.BOOL)
    label: str = required(value(dt.STRING))
    imagelabel: str | None = value(dt.STRING, volatile=True)


@variant("none")
class NoLabel(SecurityLabel):
    """No confinement."""

    relabel: bool | None = attribute(dt.BOOL)


@element("launchSecurity", by="type")
class LaunchSecurity(Element):
    """Protection of the guest's memory from its host."""

    type: Literal["sev", "sev-snp", "s390-pv", "tdx"] = attribute(required=True)


@variant("sev")
class Sev(LaunchSecurity):
    """AMD secure encrypted virtualisation."""

    kernel_hashes: bool | None = attribute(dt.BOOL, name="kernelHashes")
    cbitpos: int | None = value(dt.UINT)
    reduced_phys_bits: int | None = value(dt.UINT, name="reducedPhysBits")
    policy: int = required(value(scalars.LAUNCH_POLICY))
    dh_cert: str | None = value(dt.STRING, name="dhCert")
    session: str | None = value(dt.STRING)


@variant("sev-snp")
class SevSnp(LaunchSecurity):
    """AMD SEV with secure nested paging."""

    kernel_hashes: bool | None = attribute(dt.BOOL, name="kernelHashes")
    author_key: bool | None = attribute(dt.BOOL, name="authorKey")
    vcek: bool | None = attribute(dt.BOOL)
    cbitpos: int | None = value(dt.UINT)
    reduced_phys_bits: int | None = value(dt.UINT, name="reducedPhysBits")
    policy: int = required(value(scalars.LAUNCH_POLICY))
    guest_visible_workarounds: str | None = value(dt.STRING, name="guestVisibleWorkarounds")
    id_block: str | None = value(dt.STRING, name="idBlock")
    id_auth: str | None = value(dt.STRING, name="idAuth")
    host_data: str | None = value(dt.STRING, name="hostData")


@variant("s390-pv")
class S390Protected(LaunchSecurity):
    """IBM secure execution."""


@variant("tdx")
class Tdx(LaunchSecurity):
    """Intel trust domain extensions."""

    policy: int | None = value(scalars.LAUNCH_POLICY)
    mr_config_id: str | None = value(dt.STRING, name="mrConfigId")
    mr_owner: str | None = value(dt.STRING, name="mrOwner")
    mr_owner_config: str | None = value(dt.STRING, name="mrOwnerConfig")


@element("cipher")
class KeyWrapCipher(Element):
    """Whether keys of one cipher may be wrapped."""

    name: Literal["aes", "dea"] = required(attribute())
    state: bool = required(attribute(dt.ONOFF))


@element("keywrap")
class KeyWrap(Element):
    """Protected key operations of s390x guests."""

    ciphers: list[KeyWrapCipher] = children("cipher", min=1)


@element("uid")
class IdRange(Element):
    """``count`` ids of a container from ``start`` on appear on the host from ``target`` on."""

    start: int = required(attribute(dt.UINT))
    target: int = required(attribute(dt.UINT))
    count: int = required(attribute(dt.UINT))


@element("idmap")
class IdMap(Element):
    """User and group ids of a container."""

    uids: list[IdRange] = children("uid")
    gids: list[IdRange] = children("gid")
