"""What programs write by mistake: each marked line, and no other, is an error to a type checker, which says so."""

from __future__ import annotations

from polyvisor.model.domain import Channel, Devices, Disk, DiskDevice, DiskTarget, Domain, DomainType, Memory
from polyvisor.model.domain.address import PciAddress
from polyvisor.model.domain.clock import Timer
from polyvisor.model.network import Network
from polyvisor.units import GiB

target = DiskTarget(dev="vda")
Disk(traget=target, target=target)  # error: Unexpected keyword argument "traget"
Disk()  # error: Missing named argument "target"
Disk(target="vda")  # error: "target" to "Disk" has incompatible type "str"
Disk(target=target, device="cdrom")  # error: "device" to "Disk" has incompatible type "str"
Disk(target=target, device=DiskDevice.CDROM)
Disk(target=target, readonly="yes")  # error: "readonly" to "Disk" has incompatible type "str"
Disk(target=target, sgio="sometimes")  # error: "sgio" to "Disk" has incompatible type
Disk(target)  # error: Too many positional arguments
Disk.file("/a", target="vda", format="qcow3")  # error: "format" to "file" of "Disk" has incompatible type
Disk.file("/a")  # error: Missing named argument "target"
Channel(type="pty")  # error: Missing named argument "target"
Domain(name="web")  # error: Missing named argument "type"
Domain(type=DomainType.KVM)  # error: Missing named argument "name"
Domain(type=DomainType.KVM, name="web", memory="2 GiB")  # error: "memory" to "Domain" has incompatible type "str"
Domain(type=DomainType.KVM, name="web", memory=GiB(2), devices=[target])  # error: List item 0 has incompatible type
domain = Domain(type=DomainType.KVM, name="web", devices=Devices())
domain.memory = "2 GiB"  # error: Incompatible types in assignment
domain.memory.value = 1  # error: Item "None" of "Memory | None" has no attribute "value"
domain.vcpu = "two"  # error: Incompatible types in assignment
Memory(value="2")  # error: "value" to "Memory" has incompatible type "str"
PciAddress(slot="0x03")  # error: "slot" to "PciAddress" has incompatible type "str"
Timer()  # error: Missing named argument "name"
Network(naem="lab")  # error: Unexpected keyword argument "naem"
