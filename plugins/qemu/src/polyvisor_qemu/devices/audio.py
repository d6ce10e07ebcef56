"""``<audio>``: the host's side of sound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu.support import only, refusal

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine

_PLAIN = frozenset({"none", "alsa", "oss", "pulseaudio", "pipewire", "sdl", "spice", "jack"})
_QEMU_NAMES = {"pulseaudio": "pa", "file": "wav"}


def add(audio: Any, line: CommandLine, guest: Guest) -> None:
    only(audio, "id", "type", "timer_period", "path", "server_name", "runtime_dir")
    kind = str(audio.type)
    if kind not in _PLAIN and kind != "file":
        raise refusal(f"<audio type={kind!r}>", audio)
    options: dict[str, Any] = {"id": f"audio{audio.id}", "driver": _QEMU_NAMES.get(kind, kind)}
    options |= {"timer-period": audio.timer_period, "path": getattr(audio, "path", None)}
    options["server"] = getattr(audio, "server_name", None)
    if getattr(audio, "runtime_dir", None) is not None:
        line.environment["PIPEWIRE_RUNTIME_DIR"] = audio.runtime_dir
    line.json("audiodev", options)
