"""``<sound>``: sound cards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu.devices import Place
from polyvisor_qemu.support import only, refusal

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine
    from polyvisor_qemu.machine import Machine

_PCI = {"ac97": "AC97", "es1370": "ES1370", "ich6": "intel-hda", "ich9": "ich9-intel-hda"}
_CODECS = {"duplex": "hda-duplex", "micro": "hda-micro", "output": "hda-output"}


def complete(sound: Any, guest: Guest) -> None:
    from polyvisor.model.domain.devices.sound import Codec

    if sound.model in ("ich6", "ich9") and not sound.codecs:
        sound.codecs.append(Codec(type="duplex"))


def place(sound: Any, machine: Machine | None) -> Place | None:
    match sound.model:
        case "ich6" | "ich9":
            return Place.ROOT
        case "ac97" | "es1370":
            return Place.CONVENTIONAL
        case "usb":
            return Place.USB
    return None


def add(sound: Any, line: CommandLine, guest: Guest) -> None:
    only(sound, "model", "codecs", "audio", "multichannel")
    audiodev = guest.audiodev(sound)
    name = guest.alias(sound)
    match sound.model:
        case "ich6" | "ich9":
            line.device(_PCI[sound.model], {"id": name, **guest.slot(sound)})
            for number, codec in enumerate(sound.codecs):
                place = {"bus": f"{name}.0", "cad": number}
                line.device(_CODECS[codec.type], {"id": f"{name}-codec{number}", **place, "audiodev": audiodev})
        case "ac97" | "es1370":
            line.device(_PCI[sound.model], {"id": name, "audiodev": audiodev, **guest.slot(sound)})
        case "sb16":
            line.device("sb16", {"id": name, "audiodev": audiodev})
        case "usb":
            multi = {"multi": sound.multichannel}
            line.device("usb-audio", {"id": name, "audiodev": audiodev, **multi, **guest.usb_port(sound)})
        case model:
            raise refusal(f"<sound model={model!r}>", sound)
