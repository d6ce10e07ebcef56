"""Features of the virtual machine: ACPI, interrupt controllers, enlightenments of Hyper-V, KVM, Xen and TCG."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, child, element, flag, required
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain.memory import Bytes

SPINLOCK_RETRIES = dt.number("spinlock retries", 4095, 2**32 - 1)
DIRTY_RING = dt.number("entries of a ring", 1024, 65536)
HYPERV_VENDOR = dt.Datatype("vendor", pattern="[^,]{0,12}", describe="up to twelve characters without ','")


@element("state")
class Switch(Element):
    """A feature that is on or off; its presence alone means on."""

    state: bool | None = attribute(dt.ONOFF)

    def __bool__(self) -> bool:
        return self.state is not False


@element("apic")
class Apic(Element):
    """The interrupt controller; ``eoi`` is the paravirtual end-of-interrupt."""

    eoi: bool | None = attribute(dt.ONOFF)


@element("ioapic")
class IoApic(Element):
    """Who emulates the I/O APIC."""

    driver: Literal["kvm", "qemu"] = required(attribute())


@element("gic")
class Gic(Element):
    """The ARM interrupt controller."""

    version: Literal["2", "3", "host"] | None = attribute()


@element("spinlocks")
class Spinlocks(Switch):
    """How often a guest spins before it tells the hypervisor."""

    retries: int | None = attribute(SPINLOCK_RETRIES)


@element("stimer")
class SyntheticTimer(Switch):
    """Synthetic timers; ``direct`` mode interrupts without messages."""

    direct: Switch | None = child(name="direct")


@element("tlbflush")
class TlbFlush(Switch):
    """Paravirtual TLB flush."""

    direct: Switch | None = child(name="direct")
    extended: Switch | None = child(name="extended")


@element("vendor_id")
class VendorId(Switch):
    """The hypervisor's vendor as Windows sees it."""

    value: str | None = attribute(HYPERV_VENDOR)


@element("hyperv")
class Hyperv(Element):
    """Enlightenments that Windows guests know."""

    mode: Literal["custom", "passthrough", "host-model"] | None = attribute()
    relaxed: Switch | None = child(name="relaxed")
    vapic: Switch | None = child(name="vapic")
    spinlocks: Spinlocks | None = child()
    vpindex: Switch | None = child(name="vpindex")
    runtime: Switch | None = child(name="runtime")
    synic: Switch | None = child(name="synic")
    stimer: SyntheticTimer | None = child()
    reset: Switch | None = child(name="reset")
    vendor_id: VendorId | None = child(name="vendor_id")
    frequencies: Switch | None = child(name="frequencies")
    reenlightenment: Switch | None = child(name="reenlightenment")
    tlbflush: TlbFlush | None = child()
    ipi: Switch | None = child(name="ipi")
    evmcs: Switch | None = child(name="evmcs")
    avic: Switch | None = child(name="avic")
    emsr_bitmap: Switch | None = child(name="emsr_bitmap")
    xmm_input: Switch | None = child(name="xmm_input")


@element("dirty-ring")
class DirtyRing(Switch):
    """Track dirty pages in a ring of ``size`` entries."""

    size: int | None = attribute(DIRTY_RING)


@element("kvm")
class KvmFeatures(Element):
    """Features of KVM."""

    hidden: Switch | None = child(name="hidden")
    hint_dedicated: Switch | None = child(name="hint-dedicated")
    poll_control: Switch | None = child(name="poll-control")
    pv_ipi: Switch | None = child(name="pv-ipi")
    dirty_ring: DirtyRing | None = child(name="dirty-ring")


@element("passthrough")
class XenPassthrough(Switch):
    """Device passthrough under Xen."""

    mode: Literal["sync_pt", "share_pt"] | None = attribute()


@element("xen")
class XenFeatures(Element):
    """Features of Xen."""

    e820_host: Switch | None = child(name="e820_host")
    passthrough: XenPassthrough | None = child()


@element("tcg")
class TcgFeatures(Element):
    """Features of QEMU's own translator."""

    tb_cache: Bytes | None = child(name="tb-cache")


@element("smm")
class Smm(Switch):
    """System management mode, and the size of its memory."""

    tseg: Bytes | None = child(name="tseg")


@element("hpt")
class HashPageTable(Element):
    """The hash page table of pSeries guests."""

    resizing: Literal["enabled", "disabled", "required"] | None = attribute()
    maxpagesize: Bytes | None = child(name="maxpagesize")


@element("msrs")
class Msrs(Element):
    """What an access to an unknown model specific register does."""

    unknown: Literal["ignore", "fault"] = required(attribute())


@element("cfpc")
class CacheFlush(Element):
    """Cache flush on privilege change (pSeries)."""

    value: Literal["broken", "workaround", "fixed"] = required(attribute())


@element("sbbc")
class SpeculationBarrier(Element):
    """Speculation barrier bounds checking (pSeries)."""

    value: Literal["broken", "workaround", "fixed"] = required(attribute())


@element("ibs")
class IndirectBranch(Element):
    """Indirect branch speculation (pSeries)."""

    value: Literal["broken", "workaround", "fixed-ibs", "fixed-ccd", "fixed-na"] = required(attribute())


@element("aia")
class Aia(Element):
    """The advanced interrupt architecture of RISC-V."""

    value: Literal["none", "aplic", "aplic-imsic"] = required(attribute())


@element("async-teardown")
class AsyncTeardown(Element):
    """Give memory back in the background when the guest ends."""

    enabled: bool | None = attribute(dt.BOOL)


@element("capabilities")
class LinuxCapabilities(Element):
    """Which Linux capabilities a container keeps; the names are those of capabilities(7)."""

    policy: Literal["default", "allow", "deny"] | None = attribute()
    audit_control: Switch | None = child(name="audit_control")
    audit_write: Switch | None = child(name="audit_write")
    block_suspend: Switch | None = child(name="block_suspend")
    chown: Switch | None = child(name="chown")
    dac_override: Switch | None = child(name="dac_override")
    dac_read_search: Switch | None = child(name="dac_read_search")
    fowner: Switch | None = child(name="fowner")
    fsetid: Switch | None = child(name="fsetid")
    ipc_lock: Switch | None = child(name="ipc_lock")
    ipc_owner: Switch | None = child(name="ipc_owner")
    kill: Switch | None = child(name="kill")
    lease: Switch | None = child(name="lease")
    linux_immutable: Switch | None = child(name="linux_immutable")
    mac_admin: Switch | None = child(name="mac_admin")
    mac_override: Switch | None = child(name="mac_override")
    mknod: Switch | None = child(name="mknod")
    net_admin: Switch | None = child(name="net_admin")
    net_bind_service: Switch | None = child(name="net_bind_service")
    net_broadcast: Switch | None = child(name="net_broadcast")
    net_raw: Switch | None = child(name="net_raw")
    setgid: Switch | None = child(name="setgid")
    setfcap: Switch | None = child(name="setfcap")
    setpcap: Switch | None = child(name="setpcap")
    setuid: Switch | None = child(name="setuid")
    sys_admin: Switch | None = child(name="sys_admin")
    sys_boot: Switch | None = child(name="sys_boot")
    sys_chroot: Switch | None = child(name="sys_chroot")
    sys_module: Switch | None = child(name="sys_module")
    sys_nice: Switch | None = child(name="sys_nice")
    sys_pacct: Switch | None = child(name="sys_pacct")
    sys_ptrace: Switch | None = child(name="sys_ptrace")
    sys_rawio: Switch | None = child(name="sys_rawio")
    sys_resource: Switch | None = child(name="sys_resource")
    sys_time: Switch | None = child(name="sys_time")
    sys_tty_config: Switch | None = child(name="sys_tty_config")
    syslog: Switch | None = child(name="syslog")
    wake_alarm: Switch | None = child(name="wake_alarm")


@element("features")
class Features(Element):
    """Features of the virtual machine, besides its CPU's."""

    pae: bool = flag()
    acpi: bool = flag()
    apic: Apic | None = child()
    viridian: bool = flag()
    privnet: bool = flag()
    hap: Switch | None = child(name="hap")
    pmu: Switch | None = child(name="pmu")
    vmport: Switch | None = child(name="vmport")
    smm: Smm | None = child()
    hyperv: Hyperv | None = child()
    kvm: KvmFeatures | None = child()
    xen: XenFeatures | None = child()
    pvspinlock: Switch | None = child(name="pvspinlock")
    gic: Gic | None = child()
    capabilities: LinuxCapabilities | None = child()
    ioapic: IoApic | None = child()
    hpt: HashPageTable | None = child()
    htm: Switch | None = child(name="htm")
    nested_hv: Switch | None = child(name="nested-hv")
    vmcoreinfo: Switch | None = child(name="vmcoreinfo")
    ccf_assist: Switch | None = child(name="ccf-assist")
    msrs: Msrs | None = child()
    cfpc: CacheFlush | None = child()
    sbbc: SpeculationBarrier | None = child()
    ibs: IndirectBranch | None = child()
    tcg: TcgFeatures | None = child()
    async_teardown: AsyncTeardown | None = child(name="async-teardown")
    ras: Switch | None = child(name="ras")
    ps2: Switch | None = child(name="ps2")
    aia: Aia | None = child()
