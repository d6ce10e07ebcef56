"""``<cpu>``, ``<vcpu>`` and the features that are flags of the CPU: ``-accel``, ``-cpu`` and ``-smp``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu import clock
from polyvisor_qemu.support import only, refusal

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine

HYPERV = {
    "relaxed": "hv-relaxed", "vapic": "hv-vapic", "vpindex": "hv-vpindex", "runtime": "hv-runtime",
    "synic": "hv-synic", "stimer": "hv-stimer", "reset": "hv-reset", "frequencies": "hv-frequencies",
    "reenlightenment": "hv-reenlightenment", "tlbflush": "hv-tlbflush", "ipi": "hv-ipi", "evmcs": "hv-evmcs",
    "avic": "hv-avic", "emsr_bitmap": "hv-emsr-bitmap", "xmm_input": "hv-xmm-input",
}  # fmt: skip
"""QEMU's CPU property for each Hyper-V enlightenment that is only on or off."""

KVM = {
    "hidden": ("kvm", False),
    "hint_dedicated": ("kvm-hint-dedicated", True),
    "poll_control": ("kvm-poll-control", True),
    "pv_ipi": ("kvm-pv-ipi", True),
}
"""QEMU's CPU property for each KVM feature, and its value when the feature is on."""

_POLICIES = {"force": "on", "require": "on", "optional": "on", "disable": "off", "forbid": "off", None: "on"}


def add(line: CommandLine, guest: Guest) -> None:
    """``-accel``, ``-cpu``, ``-smp``."""
    line.plain("accel", _accelerator(guest))
    flags = [*_cpu_flags(guest), *_feature_flags(guest), *clock.cpu_options(guest), *guest.cpu_flags]
    line.plain("cpu", ",".join([_model(guest), *flags]))
    _add_smp(line, guest)


def _accelerator(guest: Guest) -> str:
    kind = guest.config.type
    if kind == "kvm":
        ring = _kvm_feature(guest, "dirty_ring")
        return f"kvm,dirty-ring-size={ring.size}" if ring else "kvm"
    if kind == "qemu":
        features = guest.config.features
        cache = features.tcg.tb_cache if features and features.tcg else None
        return f"tcg,tb-size={cache.size // 2**20}" if cache else "tcg"
    raise refusal(f"<domain type={str(kind)!r}>", why="is none of kvm and qemu")


def _model(guest: Guest) -> str:
    cpu: Any = guest.config.cpu
    if cpu is None or cpu.mode in (None, "custom"):
        named = cpu.model.name if cpu is not None and cpu.model is not None else None
        return escape(named or default_model(guest))
    only(cpu, "mode", "match", "check", "migratable", "model", "topology", "cache", "maxphysaddr", "features", "numa")
    match cpu.mode:
        case "maximum":
            return "max"
        case "host-passthrough" if guest.kvm:
            return "host"
        case "host-model" if guest.kvm:
            return "host"  # less what cannot be migrated, see _cpu_flags
        case "host-model":
            return "max"
    raise refusal(f"<cpu mode={str(cpu.mode)!r}>", cpu, why="needs type='kvm'")


def default_model(guest: Guest) -> str:
    """The machine type's own CPU model."""
    found = guest.emulator.machine(guest.machine.name)
    typename = found.default_cpu if found is not None and found.default_cpu else "qemu64-x86_64-cpu"
    return typename.removesuffix(f"-{guest.emulator.target}-cpu")


def escape(name: str) -> str:
    """A model's or feature's name, which may not carry further properties."""
    if "," in name or "=" in name or name.startswith(("+", "-")):
        raise refusal(f"the CPU model or feature {name!r}", why="is not a name")
    return name


def _cpu_flags(guest: Guest) -> list[str]:
    cpu: Any = guest.config.cpu
    if cpu is None:
        return []
    if cpu.mode in (None, "custom"):
        only(cpu, "mode", "match", "check", "model", "vendor", "topology", "cache", "maxphysaddr", "features", "numa")
    flags = []
    if cpu.mode == "host-passthrough":
        flags += [] if cpu.migratable is None else [f"migratable={_on(cpu.migratable)}"]
    elif cpu.mode == "host-model" and guest.kvm:
        flags.append("migratable=on")
    flags += [f"{escape(feature.name)}={_POLICIES[feature.policy and str(feature.policy)]}" for feature in cpu.features]
    if cpu.model is not None and cpu.model.vendor_id is not None:
        flags.append(f"vendor={cpu.model.vendor_id.replace(',', ',,')}")
    if cpu.cache is not None:
        if cpu.cache.mode == "passthrough":
            flags += ["host-cache-info=on", "l3-cache=off"]
        elif cpu.cache.level in (None, "3"):
            flags.append("l3-cache=on" if cpu.cache.mode == "emulate" else "l3-cache=off")
    if cpu.maxphysaddr is not None:
        only(cpu.maxphysaddr, "mode", "bits", inside="<cpu>")
        if cpu.maxphysaddr.mode == "passthrough":
            flags.append("host-phys-bits=on")
        elif cpu.maxphysaddr.bits is not None:
            flags.append(f"phys-bits={cpu.maxphysaddr.bits}")
    return flags


def _feature_flags(guest: Guest) -> list[str]:
    features: Any = guest.config.features
    if features is None:
        return []
    flags = []
    if features.pmu is not None:
        flags.append(f"pmu={_on(bool(features.pmu))}")
    if features.apic is not None and features.apic.eoi is not None:
        flags.append(f"kvm-pv-eoi={_on(features.apic.eoi)}")
    if features.pvspinlock is not None:
        flags.append(f"kvm-pv-unhalt={_on(bool(features.pvspinlock))}")
    if features.viridian:
        flags.append("hv-relaxed=on")
    if features.hyperv is not None:
        flags += _hyperv_flags(features.hyperv)
    if features.kvm is not None:
        for name, (prop, when_on) in KVM.items():
            switch = getattr(features.kvm, name)
            if switch:
                flags.append(f"{prop}={_on(when_on)}")
    return flags


def _hyperv_flags(hyperv: Any) -> list[str]:
    if hyperv.mode == "passthrough":
        return ["hv-passthrough=on"]
    if hyperv.mode not in (None, "custom"):
        raise refusal(f"<hyperv mode={hyperv.mode!r}>", hyperv)
    flags = [f"{prop}=on" for name, prop in HYPERV.items() if getattr(hyperv, name)]
    if hyperv.stimer and hyperv.stimer.direct:
        flags.append("hv-stimer-direct=on")
    if hyperv.tlbflush and hyperv.tlbflush.direct:
        flags.append("hv-tlbflush-direct=on")
    if hyperv.tlbflush and hyperv.tlbflush.extended:
        flags.append("hv-tlbflush-ext=on")
    if hyperv.spinlocks:
        flags.append(f"hv-spinlocks=0x{hyperv.spinlocks.retries or 0x1FFF:x}")
    if hyperv.vendor_id and hyperv.vendor_id.value:
        flags.append(f"hv-vendor-id={hyperv.vendor_id.value}")
    return flags


def _kvm_feature(guest: Guest, name: str) -> Any:
    features = guest.config.features
    return getattr(features.kvm, name) if features and features.kvm else None


def _on(value: bool) -> str:
    return "on" if value else "off"


def _add_smp(line: CommandLine, guest: Guest) -> None:
    config = guest.config
    count, most = config.vcpu_count, config.max_vcpu_count
    if config.vcpu is not None:
        only(config.vcpu, "count", "placement", "current", inside="<domain>")
    if config.vcpus is not None and any(each.order for each in config.vcpus.vcpus):
        raise refusal("<vcpus>", config.vcpus)
    topology = config.cpu.topology if config.cpu is not None else None
    maximum = most if most != count else None
    if topology is None:
        options: dict[str, object] = {"maxcpus": maximum, "sockets": most, "cores": 1, "threads": 1}
    else:
        options = {
            "maxcpus": maximum,
            "sockets": topology.sockets,
            "dies": topology.dies,
            "clusters": topology.clusters if topology.clusters != 1 else None,
            "cores": topology.cores,
            "threads": topology.threads,
        }
    line.listed("smp", str(count), options)
