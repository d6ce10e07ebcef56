"""The domain document: one guest's configuration.

``Domain`` is here; the elements below it are in a module for each subject (:mod:`.os`, :mod:`.cpu`, :mod:`.devices`
and so on), and those a program most often builds can be imported from here as well.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from polyvisor.documents import (
    Element,
    Takes,
    Verbatim,
    attribute,
    child,
    children,
    element,
    extensions,
    raw,
    required,
    text,
    value,
)
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain import scalars
from polyvisor.model.domain.address import (
    Address,
    AddressType,
    Alias,
    BootOrder,
    CcwAddress,
    DriveAddress,
    IsaAddress,
    PciAddress,
    UsbAddress,
    VirtioSerialAddress,
)
from polyvisor.model.domain.clock import Clock, HostClock, Timer, TimerName, VariableClock
from polyvisor.model.domain.cpu import Cpu, CpuFeature, CpuMatch, CpuMode, CpuModel, CpuTopology, NumaCell
from polyvisor.model.domain.devices import Device, Devices
from polyvisor.model.domain.devices.balloon import Memballoon
from polyvisor.model.domain.devices.chardev import Channel, CharacterType, Console, Parallel, Serial
from polyvisor.model.domain.devices.controller import Controller, ControllerType
from polyvisor.model.domain.devices.disk import Disk, DiskBus, DiskDevice, DiskDriver, DiskTarget, DiskType
from polyvisor.model.domain.devices.filesystem import Filesystem
from polyvisor.model.domain.devices.graphics import Graphics, Spice, Vnc
from polyvisor.model.domain.devices.hostdev import Hostdev
from polyvisor.model.domain.devices.input import Input
from polyvisor.model.domain.devices.interface import Interface, InterfaceType, Mac
from polyvisor.model.domain.devices.rng import Rng
from polyvisor.model.domain.devices.storage import BlockSource, FileSource, NetworkSource
from polyvisor.model.domain.devices.tpm import Tpm
from polyvisor.model.domain.devices.video import Video, VideoModel, VideoType
from polyvisor.model.domain.devices.watchdog import Panic, Watchdog
from polyvisor.model.domain.events import CrashAction, LifecycleAction, LockFailureAction, Perf, PowerManagement
from polyvisor.model.domain.features import Features
from polyvisor.model.domain.memory import CurrentMemory, MaxMemory, Memory, MemoryBacking
from polyvisor.model.domain.os import Boot, BootDevice, GuestType, Loader, OperatingSystem, OsType, SystemInformation
from polyvisor.model.domain.security import IdMap, KeyWrap, LaunchSecurity, SecurityLabel
from polyvisor.model.domain.tuning import (
    BlockIoTune,
    CpuTune,
    DefaultIothread,
    IothreadIds,
    MemTune,
    NumaTune,
    Resource,
    ThrottleGroups,
    Vcpu,
    Vcpus,
)
from polyvisor.model.domaintype import DOMAIN_TYPE, DomainType


@element("genid")
class GenerationId(Element):
    """An identifier that changes when the guest's history forks; empty to have one made."""

    uuid: str | None = text(dt.UUID)


@element("domain", kind="domain")
class Domain(Element):
    """A guest.

    In Python, ``memory``, ``current_memory`` and ``max_memory`` also take a number of bytes (``GiB(2)``), ``vcpu`` a
    number of CPUs, ``devices`` any iterable of devices, and ``os`` may be left out for full virtualisation."""

    type: DomainType | str = required(attribute(DOMAIN_TYPE))
    id: int | None = attribute(dt.UINT32, volatile=True)
    name: str = required(value(scalars.DOMAIN_NAME))
    uuid: str | None = value(dt.UUID)
    genid: GenerationId | None = child()
    title: str | None = value(scalars.ONE_LINE)
    description: str | None = value(dt.STRING)
    metadata: Verbatim | None = raw()
    max_memory: Takes[MaxMemory | None, int] = child(convert=MaxMemory.of)
    memory: Takes[Memory | None, int] = child(convert=Memory.of)
    current_memory: Takes[CurrentMemory | None, int] = child(convert=CurrentMemory.of)
    blkiotune: BlockIoTune | None = child()
    memtune: MemTune | None = child()
    memory_backing: MemoryBacking | None = child()
    vcpu: Takes[Vcpu | None, int] = child(convert=Vcpu.of)
    vcpus: Vcpus | None = child()
    iothreads: int | None = value(scalars.IOTHREADS)
    iothreadids: IothreadIds | None = child()
    defaultiothread: DefaultIothread | None = child()
    cputune: CpuTune | None = child()
    numatune: NumaTune | None = child()
    resource: Resource | None = child()
    sysinfo: list[SystemInformation] = children("sysinfo")
    bootloader: str | None = value(dt.STRING)
    bootloader_args: str | None = value(dt.STRING)
    os: OperatingSystem = child(doc="May be left out beside a boot loader; completion fills it in then.")
    idmap: IdMap | None = child()
    features: Features | None = child()
    cpu: Cpu | None = child()
    clock: Clock | None = child()
    on_poweroff: LifecycleAction | None = value()
    on_reboot: LifecycleAction | None = value()
    on_crash: CrashAction | None = value()
    on_lockfailure: LockFailureAction | None = value()
    pm: PowerManagement | None = child()
    perf: Perf | None = child()
    throttlegroups: ThrottleGroups | None = child()
    devices: Takes[Devices | None, Iterable[Device]] = child(convert=Devices.of)
    seclabels: list[SecurityLabel] = children("seclabel")
    keywrap: KeyWrap | None = child()
    launch_security: LaunchSecurity | None = child()
    extensions: list[Element] = extensions()

    if not TYPE_CHECKING:  # which know the keywords, and their types, from the fields

        def __init__(self, **values):
            values.setdefault("os", OperatingSystem(type=GuestType(value=OsType.HVM)))
            super().__init__(**values)

    @property
    def memory_kib(self) -> int:
        """Memory at boot in KiB, without memory modules; 0 when the document does not say."""
        return self.memory.kib if self.memory else 0

    @property
    def max_memory_kib(self) -> int:
        """The most memory the guest can have, in KiB: maxMemory where given, else memory."""
        return self.max_memory.kib if self.max_memory else self.memory_kib

    @property
    def current_memory_kib(self) -> int:
        """What the balloon leaves the guest, in KiB."""
        return self.current_memory.kib if self.current_memory else self.memory_kib

    @property
    def vcpu_count(self) -> int:
        """Virtual CPUs plugged in at boot."""
        return (self.vcpu.current or self.vcpu.count) if self.vcpu else 1

    @property
    def max_vcpu_count(self) -> int:
        """The most virtual CPUs the guest can have."""
        return self.vcpu.count if self.vcpu else 1

    def as_inactive(self) -> Domain:
        """A copy without what belongs to the running guest only."""
        from polyvisor.model.inactive import inactive

        return inactive(self)


__all__ = [
    "Address",
    "AddressType",
    "Alias",
    "BlockSource",
    "Boot",
    "BootDevice",
    "BootOrder",
    "CcwAddress",
    "Channel",
    "CharacterType",
    "Clock",
    "Console",
    "Controller",
    "ControllerType",
    "Cpu",
    "CpuFeature",
    "CpuMatch",
    "CpuMode",
    "CpuModel",
    "CpuTopology",
    "CrashAction",
    "Device",
    "Devices",
    "Disk",
    "DiskBus",
    "DiskDevice",
    "DiskDriver",
    "DiskTarget",
    "DiskType",
    "Domain",
    "DomainType",
    "DriveAddress",
    "Features",
    "FileSource",
    "Filesystem",
    "Graphics",
    "GuestType",
    "HostClock",
    "Hostdev",
    "Input",
    "Interface",
    "InterfaceType",
    "IsaAddress",
    "LifecycleAction",
    "Loader",
    "Mac",
    "Memballoon",
    "Memory",
    "NetworkSource",
    "NumaCell",
    "OperatingSystem",
    "OsType",
    "Panic",
    "Parallel",
    "PciAddress",
    "Rng",
    "SecurityLabel",
    "Serial",
    "Spice",
    "Timer",
    "TimerName",
    "Tpm",
    "UsbAddress",
    "VariableClock",
    "Vcpu",
    "Video",
    "VideoModel",
    "VideoType",
    "VirtioSerialAddress",
    "Vnc",
    "Watchdog",
]
