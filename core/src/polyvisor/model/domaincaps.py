"""The domain capabilities document: what one emulator offers to guests of one architecture, machine and type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeVar

from polyvisor.documents import Element, attribute, child, children, element, required, text, value, values, variant
from polyvisor.documents import datatypes as dt

Usable = Literal["yes", "no", "unknown"]
Policy = Literal["force", "require", "optional", "disable", "forbid"]


@element("enum")
class Choices(Element):
    """The values that an attribute or element of the domain document may have here; none means not yet known."""

    name: str = required(attribute(dt.STRING))
    values: list[str] = values(dt.STRING, tag="value")


Self = TypeVar("Self", bound="Feature")


@element("feature")
class Feature(Element):
    """Something that is supported or not. ``choices`` say in which forms."""

    supported: bool = required(attribute(dt.BOOL))
    choices: list[Choices] = children("enum")

    @classmethod
    def of(
        cls: type[Self], choices: Mapping[str, Iterable[str]] | None = None, /, supported: bool = True, **more: Any
    ) -> Self:
        """Build one in a line: ``DiskFeature.of({"bus": ["virtio", "scsi"]})``."""
        made = [Choices(name=name, values=list(texts)) for name, texts in (choices or {}).items()]
        return cls(supported=supported, choices=made, **more)

    def offers(self, name: str) -> tuple[str, ...]:
        """The values that ``name`` may have."""
        return next((tuple(entry.values) for entry in self.choices if entry.name == name), ())


# -- os ---------------------------------------------------------------------------------------------------------


@element("loader")
class LoaderFeature(Feature):
    """Firmware images that are known, and how they may be attached."""

    paths: list[str] = values(dt.STRING, tag="value")


@element("os")
class OsFeature(Feature):
    """How guests boot."""

    loader: LoaderFeature | None = child()


@element("memoryBacking")
class MemoryBackingFeature(Feature):
    """Where guest memory may come from."""


# -- cpu --------------------------------------------------------------------------------------------------------


@element("feature")
class PolicyFeature(Element):
    """A CPU feature, and what host-model makes of it."""

    policy: Policy = required(attribute())
    name: str = required(attribute(dt.NAME))


@element("feature")
class MissingFeature(Element):
    """A CPU feature that the host lacks."""

    name: str = required(attribute(dt.NAME))


@element("model")
class HostModelName(Element):
    """The model that comes nearest to the host."""

    fallback: Literal["allow", "forbid"] | None = attribute()
    name: str = text(dt.STRING)


@element("maxphysaddr")
class AddressBits(Element):
    """The width of physical addresses that guests get."""

    mode: Literal["emulate", "passthrough"] = required(attribute())
    bits: int | None = attribute(dt.UINT)
    limit: int | None = attribute(dt.UINT)


@element("model")
class NamedModel(Element):
    """A CPU model by name, and whether this host can provide it. ``canonical`` is what an alias stands for."""

    usable: Usable = required(attribute())
    deprecated: bool | None = attribute(dt.BOOL)
    vendor: str = required(attribute(dt.STRING))
    canonical: str | None = attribute(dt.STRING)
    name: str = text(dt.STRING)


@element("blockers")
class Blockers(Element):
    """The features that keep a model from being usable."""

    model: str = required(attribute(dt.STRING))
    features: list[MissingFeature] = children("feature")


@element("mode", by="name")
class CpuModeFeature(Element):
    """A way to choose the guest's CPU."""

    name: Literal["host-passthrough", "maximum", "host-model", "custom"] = attribute(required=True)
    supported: bool = required(attribute(dt.BOOL))


@variant("host-passthrough")
class HostPassthrough(CpuModeFeature):
    """The host's CPU as it is."""

    choices: list[Choices] = children("enum")


@variant("maximum")
class Maximum(CpuModeFeature):
    """The most that the hypervisor can do."""

    choices: list[Choices] = children("enum")


@variant("host-model")
class HostModel(CpuModeFeature):
    """The nearest model with the features that differ."""

    model: HostModelName | None = child()
    vendor: str | None = value(dt.STRING)
    maxphysaddr: AddressBits | None = child()
    features: list[PolicyFeature] = children("feature")


@variant("custom")
class CustomModels(CpuModeFeature):
    """Models by name, and what stands in the way of those that are not usable."""

    models: list[NamedModel] = children("model")
    blockers: list[Blockers] = children("blockers")


@element("cpu")
class CpuFeature(Element):
    """The ways to choose a guest's CPU."""

    modes: list[CpuModeFeature] = children("mode")


# -- devices ------------------------------------------------------------------------------------------------------


@element("disk")
class DiskFeature(Feature):
    """Disks."""


@element("graphics")
class GraphicsFeature(Feature):
    """Displays."""


@element("video")
class VideoFeature(Feature):
    """Video cards."""


@element("hostdev")
class HostdevFeature(Feature):
    """Devices of the host."""


@element("rng")
class RngFeature(Feature):
    """Random number generators."""


@element("filesystem")
class FilesystemFeature(Feature):
    """Directories of the host."""


@element("tpm")
class TpmFeature(Feature):
    """TPMs."""


@element("redirdev")
class RedirdevFeature(Feature):
    """Redirected USB devices."""


@element("channel")
class ChannelFeature(Feature):
    """Channels."""


@element("crypto")
class CryptoFeature(Feature):
    """Crypto devices."""


@element("interface")
class InterfaceFeature(Feature):
    """Network interfaces."""


@element("panic")
class PanicFeature(Feature):
    """Panic notifiers."""


@element("console")
class ConsoleFeature(Feature):
    """Consoles."""


@element("devices")
class DeviceFeatures(Element):
    """Devices and the forms in which guests can have them."""

    disk: DiskFeature | None = child()
    graphics: GraphicsFeature | None = child()
    video: VideoFeature | None = child()
    hostdev: HostdevFeature | None = child()
    rng: RngFeature | None = child()
    filesystem: FilesystemFeature | None = child()
    tpm: TpmFeature | None = child()
    redirdev: RedirdevFeature | None = child()
    channel: ChannelFeature | None = child()
    crypto: CryptoFeature | None = child()
    interface: InterfaceFeature | None = child()
    panic: PanicFeature | None = child()
    console: ConsoleFeature | None = child()


# -- features -----------------------------------------------------------------------------------------------------


@element("iothreads")
class IothreadsFeature(Element):
    """Threads of their own for disks."""

    supported: bool = required(attribute(dt.BOOL))


@element("gic")
class GicFeature(Feature):
    """ARM's interrupt controller."""


@element("vmcoreinfo")
class VmcoreinfoFeature(Element):
    """The guest kernel's dump information."""

    supported: bool = required(attribute(dt.BOOL))


@element("genid")
class GenidFeature(Element):
    """Generation identifiers."""

    supported: bool = required(attribute(dt.BOOL))


@element("backingStoreInput")
class BackingStoreInputFeature(Element):
    """Backing chains as the document gives them."""

    supported: bool = required(attribute(dt.BOOL))


@element("backup")
class BackupFeature(Element):
    """Incremental backup."""

    supported: bool = required(attribute(dt.BOOL))


@element("async-teardown")
class AsyncTeardownFeature(Element):
    """Guest memory freed in the background."""

    supported: bool = required(attribute(dt.BOOL))


@element("s390-pv")
class ProtectedVirtualizationFeature(Element):
    """Protected virtualization of S/390."""

    supported: bool = required(attribute(dt.BOOL))


@element("ps2")
class Ps2Feature(Element):
    """The PS/2 controller."""

    supported: bool = required(attribute(dt.BOOL))


@element("tdx")
class TdxFeature(Element):
    """Intel's trust domains."""

    supported: bool = required(attribute(dt.BOOL))


@element("sev")
class SevFeature(Element):
    """AMD's secure encrypted virtualization."""

    supported: bool = required(attribute(dt.BOOL))
    cbitpos: int | None = value(dt.UINT)
    reduced_phys_bits: int | None = value(dt.UINT, tag="reducedPhysBits")
    max_guests: int | None = value(dt.UINT, tag="maxGuests")
    max_es_guests: int | None = value(dt.UINT, tag="maxESGuests")
    cpu0_id: str | None = value(dt.STRING, tag="cpu0Id")


@element("section_size")
class SectionSize(Element):
    """All the enclave memory there is."""

    unit: str = required(attribute(dt.UNIT))
    size: int = text(dt.UINT)


@element("section")
class Section(Element):
    """Enclave memory of one cell."""

    node: int = required(attribute(dt.UINT))
    size: int = required(attribute(dt.UINT))
    unit: str = required(attribute(dt.UNIT))


@element("sections")
class Sections(Element):
    """Enclave memory by cell."""

    sections: list[Section] = children("section")


@element("sgx")
class SgxFeature(Element):
    """Intel's enclaves."""

    supported: bool = required(attribute(dt.BOOL))
    flc: bool | None = value(dt.BOOL)
    sgx1: bool | None = value(dt.BOOL)
    sgx2: bool | None = value(dt.BOOL)
    section_size: SectionSize | None = child()
    sections: Sections | None = child()


@element("defaults")
class HypervDefaults(Element):
    """What host-model would make of some enlightenments."""

    spinlocks: int | None = value(dt.UINT)
    stimer_direct: bool | None = value(dt.ONOFF)
    tlbflush_direct: bool | None = value(dt.ONOFF)
    tlbflush_extended: bool | None = value(dt.ONOFF)
    vendor_id: str | None = value(dt.STRING)


@element("hyperv")
class HypervFeature(Feature):
    """Enlightenments for Windows guests."""

    defaults: HypervDefaults | None = child()


@element("launchSecurity")
class LaunchSecurityFeature(Feature):
    """Encrypted guests."""


@element("features")
class HypervisorFeatures(Element):
    """What else the hypervisor can do."""

    gic: GicFeature | None = child()
    vmcoreinfo: VmcoreinfoFeature | None = child()
    genid: GenidFeature | None = child()
    backing_store_input: BackingStoreInputFeature | None = child()
    backup: BackupFeature | None = child()
    async_teardown: AsyncTeardownFeature | None = child()
    s390_pv: ProtectedVirtualizationFeature | None = child()
    ps2: Ps2Feature | None = child()
    tdx: TdxFeature | None = child()
    sev: SevFeature | None = child()
    sgx: SgxFeature | None = child()
    hyperv: HypervFeature | None = child()
    launch_security: LaunchSecurityFeature | None = child()


@element("vcpu")
class VcpuLimit(Element):
    """The most virtual CPUs a guest may have."""

    max: int = required(attribute(dt.UINT))


@element("domainCapabilities", kind="domaincaps")
class DomainCapabilities(Element):
    """What one emulator offers."""

    path: str | None = value(dt.ABSPATH)
    domain: str = required(value(dt.STRING))
    machine: str | None = value(dt.STRING)
    arch: str = required(value(dt.STRING))
    vcpu: VcpuLimit | None = child()
    iothreads: IothreadsFeature | None = child()
    os: OsFeature | None = child()
    cpu: CpuFeature | None = child()
    memory_backing: MemoryBackingFeature | None = child()
    devices: DeviceFeatures | None = child()
    features: HypervisorFeatures | None = child()
