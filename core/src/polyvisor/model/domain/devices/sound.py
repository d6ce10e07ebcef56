"""Sound cards, and the host's audio systems behind them."""

from __future__ import annotations

from typing import Literal

from polyvisor.documents import Element, attribute, child, children, element, required, variant
from polyvisor.documents import datatypes as dt
from polyvisor.model.domain.address import AcpiIndex, Address, Alias, VirtioDriver
from polyvisor.model.domain.devices.graphics import AudioReference

SampleFormat = Literal["s8", "u8", "s16", "u16", "s32", "u32", "f32"]


@element("codec")
class Codec(Element):
    """A codec of an HD audio card."""

    type: Literal["duplex", "micro", "output"] = required(attribute())


@element("sound")
class Sound(Element):
    """A sound card."""

    model: Literal["sb16", "es1370", "pcspk", "ac97", "ich6", "ich7", "ich9", "usb", "virtio"] = required(attribute())
    multichannel: bool | None = attribute(dt.BOOL, when={"model": ("usb",)})
    streams: int | None = attribute(dt.UINT, when={"model": ("virtio",)})
    codecs: list[Codec] = children("codec")
    audio: AudioReference | None = child()
    driver: VirtioDriver | None = child()
    acpi: AcpiIndex | None = child()
    alias: Alias | None = child()
    address: Address | None = child()


@element("settings")
class SampleSettings(Element):
    """The fixed format of samples."""

    frequency: int | None = attribute(dt.UINT)
    channels: int | None = attribute(dt.UINT)
    format: SampleFormat | None = attribute()


class AudioStream(Element):
    """What the input and output of every audio system have; buffer lengths in microseconds."""

    mixing_engine: bool | None = attribute(dt.BOOL, name="mixingEngine")
    fixed_settings: bool | None = attribute(dt.BOOL, name="fixedSettings")
    voices: int | None = attribute(dt.UINT)
    buffer_length: int | None = attribute(dt.UINT, name="bufferLength")
    settings: SampleSettings | None = child()


@element("input")
class PlainStream(AudioStream):
    """Input or output without options of its own."""


@element("input")
class AlsaStream(AudioStream):
    """Input or output through ALSA."""

    dev: str | None = attribute(dt.STRING)


@element("input")
class OssStream(AudioStream):
    """Input or output through OSS."""

    dev: str | None = attribute(dt.STRING)
    buffer_count: int | None = attribute(dt.UINT, name="bufferCount")
    try_poll: bool | None = attribute(dt.BOOL, name="tryPoll")


@element("input")
class BufferedStream(AudioStream):
    """Input or output through a number of buffers."""

    buffer_count: int | None = attribute(dt.UINT, name="bufferCount")


@element("input")
class NamedStream(AudioStream):
    """Input or output through PulseAudio or PipeWire; latency in microseconds."""

    name: str | None = attribute(dt.STRING)
    stream_name: str | None = attribute(dt.STRING, name="streamName")
    latency: int | None = attribute(dt.UINT)


@element("input")
class JackStream(AudioStream):
    """Input or output through JACK."""

    server_name: str | None = attribute(dt.STRING, name="serverName")
    client_name: str | None = attribute(dt.STRING, name="clientName")
    connect_ports: str | None = attribute(dt.STRING, name="connectPorts")
    exact_name: bool | None = attribute(dt.BOOL, name="exactName")


@element("audio", by="type")
class Audio(Element):
    """An audio system of the host; sound cards refer to it by number. The timer's period is in microseconds."""

    id: int = required(attribute(dt.POSITIVE))
    type: Literal[
        "none", "alsa", "coreaudio", "jack", "oss", "pulseaudio", "pipewire", "sdl", "spice", "file", "dbus"
    ] = attribute(required=True)
    timer_period: int | None = attribute(dt.UINT, name="timerPeriod")


@variant("none", "spice", "dbus")
class PlainAudio(Audio):
    """No sound, or sound sent along with the display."""

    input: PlainStream | None = child()
    output: PlainStream | None = child(name="output")


@variant("alsa")
class AlsaAudio(Audio):
    """ALSA."""

    input: AlsaStream | None = child()
    output: AlsaStream | None = child(name="output")


@variant("coreaudio")
class CoreAudio(Audio):
    """Core Audio of macOS."""

    input: BufferedStream | None = child()
    output: BufferedStream | None = child(name="output")


@variant("jack")
class JackAudio(Audio):
    """JACK."""

    input: JackStream | None = child()
    output: JackStream | None = child(name="output")


@variant("oss")
class OssAudio(Audio):
    """OSS."""

    try_mmap: bool | None = attribute(dt.BOOL, name="tryMMap")
    exclusive: bool | None = attribute(dt.BOOL)
    dsp_policy: int | None = attribute(dt.INT, name="dspPolicy")
    input: OssStream | None = child()
    output: OssStream | None = child(name="output")


@variant("pulseaudio")
class PulseAudio(Audio):
    """PulseAudio."""

    server_name: str | None = attribute(dt.STRING, name="serverName")
    input: NamedStream | None = child()
    output: NamedStream | None = child(name="output")


@variant("pipewire")
class PipewireAudio(Audio):
    """PipeWire."""

    runtime_dir: str | None = attribute(dt.STRING, name="runtimeDir")
    input: NamedStream | None = child()
    output: NamedStream | None = child(name="output")


@variant("sdl")
class SdlAudio(Audio):
    """SDL, by one of its own drivers."""

    driver: str | None = attribute(dt.NAME)
    input: BufferedStream | None = child()
    output: BufferedStream | None = child(name="output")


@variant("file")
class FileAudio(Audio):
    """A WAV file."""

    path: str | None = attribute(dt.STRING)
    input: PlainStream | None = child()
    output: PlainStream | None = child(name="output")
