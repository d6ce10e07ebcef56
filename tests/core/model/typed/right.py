"""What programs write: each line passes strict type checking, and runs."""

from __future__ import annotations

from polyvisor.model.domain import (
    BootDevice,
    Channel,
    Console,
    Device,
    Devices,
    Disk,
    DiskBus,
    Domain,
    DomainType,
    Filesystem,
    Graphics,
    Interface,
    Memory,
    NumaCell,
    PciAddress,
    Rng,
    Serial,
    Vcpu,
    Vnc,
)
from polyvisor.model.domain.devices.rng import RandomBackend
from polyvisor.model.network import Network
from polyvisor.model.storagevol import StorageVolume
from polyvisor.units import GiB, MiB

devices: list[Device] = [
    Disk.file("/srv/web.qcow2", target="vda", format="qcow2"),
    Disk.block("/dev/vg/data", target="vdb"),
    Disk.network("rbd", "pool/image", target="vdc", hosts=["mon1", ("mon2", 6789)]),
    Disk.volume("default", "web.img", target="sda", bus=DiskBus.SCSI),
    Disk.cdrom("/srv/install.iso", target="sdb", bus="sata"),
    Interface.network("default", mac="52:54:00:00:00:01"),
    Interface.bridge("br0"),
    Interface.direct("eth0"),
    Interface.user(model=None),
    Graphics.vnc(),
    Graphics.spice(listen="::1", port=5901),
    Vnc(port=5900),
    Console.pty(),
    Serial.file("/var/log/guest.log", append=True),
    Channel.agent(),
    Filesystem.virtiofs("/srv/share", tag="share"),
    Rng(model="virtio", backend=RandomBackend(path="/dev/urandom")),
]
domain = Domain(
    type=DomainType.KVM,
    name="web",
    memory=GiB(2),
    current_memory=MiB(512),
    vcpu=2,
    devices=devices,
)
held: Memory | None = domain.memory
domain.memory = GiB(4)
domain.memory = Memory(value=1, unit="GiB")
domain.vcpu = Vcpu(count=4, current=2)
domain.devices = Devices(disks=[Disk.file("/srv/other.img", target="vda")])
domain.devices = [Interface.user()]
cells: list[type[NumaCell]] = [NumaCell]
address = PciAddress(bus=0, slot=3)
assert domain.devices is not None
first: BootDevice = BootDevice.HD
network = Network(name="lab")
volume: type[StorageVolume] = StorageVolume
