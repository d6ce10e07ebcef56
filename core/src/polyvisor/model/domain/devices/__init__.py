"""The guest's devices: one module for each kind, and the ``<devices>`` element that holds them all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any, Self

from polyvisor.documents import Element, child, children, element, value
from polyvisor.model.domain import scalars
from polyvisor.model.domain.devices.balloon import Memballoon
from polyvisor.model.domain.devices.chardev import Channel, Console, Parallel, Serial
from polyvisor.model.domain.devices.controller import Controller
from polyvisor.model.domain.devices.crypto import Crypto
from polyvisor.model.domain.devices.disk import Disk
from polyvisor.model.domain.devices.filesystem import Filesystem
from polyvisor.model.domain.devices.graphics import Graphics
from polyvisor.model.domain.devices.hostdev import Hostdev
from polyvisor.model.domain.devices.input import Input
from polyvisor.model.domain.devices.interface import Interface
from polyvisor.model.domain.devices.iommu import Iommu
from polyvisor.model.domain.devices.lease import Lease
from polyvisor.model.domain.devices.memory import MemoryDevice
from polyvisor.model.domain.devices.platform import Hub, NvramDevice
from polyvisor.model.domain.devices.redirection import Redirdev, RedirectionFilter, Smartcard
from polyvisor.model.domain.devices.rng import Rng
from polyvisor.model.domain.devices.shmem import Shmem
from polyvisor.model.domain.devices.sound import Audio, Sound
from polyvisor.model.domain.devices.tpm import Tpm
from polyvisor.model.domain.devices.video import Video
from polyvisor.model.domain.devices.vsock import Vsock
from polyvisor.model.domain.devices.watchdog import Panic, Pstore, Watchdog


@element("devices")
class Devices(Element):
    """All devices, a list for each kind; the order of a list is the order in the guest."""

    emulator: str | None = value(scalars.FILE)
    disks: list[Disk] = children("disk")
    controllers: list[Controller] = children("controller")
    leases: list[Lease] = children("lease")
    filesystems: list[Filesystem] = children("filesystem")
    interfaces: list[Interface] = children("interface")
    smartcards: list[Smartcard] = children("smartcard")
    serials: list[Serial] = children("serial")
    parallels: list[Parallel] = children("parallel")
    consoles: list[Console] = children("console")
    channels: list[Channel] = children("channel")
    inputs: list[Input] = children("input")
    tpms: list[Tpm] = children("tpm")
    graphics: list[Graphics] = children("graphics")
    sounds: list[Sound] = children("sound")
    audios: list[Audio] = children("audio")
    videos: list[Video] = children("video")
    hostdevs: list[Hostdev] = children("hostdev")
    redirdevs: list[Redirdev] = children("redirdev")
    redirfilters: list[RedirectionFilter] = children("redirfilter")
    hubs: list[Hub] = children("hub")
    watchdogs: list[Watchdog] = children("watchdog")
    memballoon: Memballoon | None = child()
    rngs: list[Rng] = children("rng")
    nvram: NvramDevice | None = child()
    panics: list[Panic] = children("panic")
    shmems: list[Shmem] = children("shmem")
    memories: list[MemoryDevice] = children("memory")
    cryptos: list[Crypto] = children("crypto")
    iommus: list[Iommu] = children("iommu")
    vsock: Vsock | None = child()
    pstore: Pstore | None = child()

    @classmethod
    def of(cls, devices: Iterable[Element], *, emulator: str | None = None) -> Self:
        """The element that holds ``devices``, each in the list of its kind; TypeError for what is no device."""
        made = cls(emulator=emulator)
        for device in devices:
            made.add(device)
        return made

    def add(self, device: Element) -> None:
        """Append ``device`` to the list of its kind, or put it in the place of the only one of its kind."""
        name = field_of(device)
        if name is None:
            raise TypeError(f"{type(device).__name__} is no device of a domain")
        if isinstance(held := getattr(self, name), list):
            held.append(device)
        else:
            setattr(self, name, device)

    def remove(self, device: Element) -> None:
        """Take ``device`` out (the very object, not its equal); ValueError when it is not there."""
        held: Any = getattr(self, name, None) if (name := field_of(device)) else None
        if name and held is device:
            setattr(self, name, None)
            return
        if isinstance(held, list):
            for index, each in enumerate(held):
                if each is device:
                    del held[index]
                    return
        raise ValueError(f"no such <{device.tag}> in these devices")

    def find(self, alias: str) -> Element | None:
        """The device with that alias."""
        return next((each for each in self if (name := getattr(each, "alias", None)) and name.name == alias), None)

    def __iter__(self) -> Iterator[Element]:
        found: list[Element] = []
        for held in _held(self.__dict__):
            if type(held) is list:
                found += held
            elif held is not None:
                found.append(held)
        return iter(found)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        return True


Device = (
    Disk
    | Controller
    | Lease
    | Filesystem
    | Interface
    | Smartcard
    | Serial
    | Parallel
    | Console
    | Channel
    | Input
    | Tpm
    | Graphics
    | Sound
    | Audio
    | Video
    | Hostdev
    | Redirdev
    | RedirectionFilter
    | Hub
    | Watchdog
    | Memballoon
    | Rng
    | NvramDevice
    | Panic
    | Shmem
    | MemoryDevice
    | Crypto
    | Iommu
    | Vsock
    | Pstore
)
"""Any device, for type checkers."""

FIELDS: dict[type[Element], str] = {
    Disk: "disks",
    Controller: "controllers",
    Lease: "leases",
    Filesystem: "filesystems",
    Interface: "interfaces",
    Smartcard: "smartcards",
    Serial: "serials",
    Parallel: "parallels",
    Console: "consoles",
    Channel: "channels",
    Input: "inputs",
    Tpm: "tpms",
    Graphics: "graphics",
    Sound: "sounds",
    Audio: "audios",
    Video: "videos",
    Hostdev: "hostdevs",
    Redirdev: "redirdevs",
    RedirectionFilter: "redirfilters",
    Hub: "hubs",
    Watchdog: "watchdogs",
    Memballoon: "memballoon",
    Rng: "rngs",
    NvramDevice: "nvram",
    Panic: "panics",
    Shmem: "shmems",
    MemoryDevice: "memories",
    Crypto: "cryptos",
    Iommu: "iommus",
    Vsock: "vsock",
    Pstore: "pstore",
}
"""The field of :class:`Devices` that holds devices of a class, in output order."""

_held = itemgetter(*FIELDS.values())


def field_of(device: Element) -> str | None:
    """The name of the field of :class:`Devices` that holds ``device``; None for what is no device."""
    return next((name for cls, name in FIELDS.items() if isinstance(device, cls)), None)
