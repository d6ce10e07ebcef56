"""Talking to the system inside a guest."""

from __future__ import annotations

import select
import threading
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from polyvisor.errors import HypervisorError, InvalidArgument, InvalidState, NoSuchDevice, NoSuchDomain, PolyvisorError
from polyvisor.testing.bench import Bench
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain
    from polyvisor.operations.consoles import Stream

OPENS = needs("console.open")


@pytest.fixture
def talking(bench: Bench) -> Domain:
    """A guest that runs, has a console, and whose system is up."""
    bench.need("console.open")
    domain = bench.define()
    config: Any = domain.config() if bench.has("domain.xml") else None
    devices = config and config.devices
    if config is not None and not (devices and (devices.consoles or devices.serials)):
        domain.undefine()
        domain = bench.define(devices="<console type='pty'/>")
    bench.start(domain)
    bench.wait_until_up(domain)
    return domain


@pytest.fixture
def echoing(bench: Bench, talking: Domain) -> Domain:
    """A guest that sends back what it reads on its console."""
    bench.require(bench.target.echoes, "the system inside sends nothing back")
    return talking


def heard(bench: Bench, stream: Stream, wanted: bytes) -> bytes:
    """Read until ``wanted`` has come."""
    said = b""
    deadline = time.monotonic() + bench.target.patience
    while wanted not in said:
        left = deadline - time.monotonic()
        assert left > 0 and select.select([stream], [], [], left)[0], f"{wanted!r} did not come, only {said!r}"
        part = stream.read()
        assert part, f"the stream ended after {said!r}"
        said += part
    return said


def rest(stream: Stream) -> Iterator[bytes]:
    """What still comes until the stream ends."""
    while part := stream.read():
        yield part


def test_what_is_written_is_read_by_the_guest(bench: Bench, echoing: Domain) -> None:
    with echoing.open_console() as stream:
        assert stream.write(b"x") == 1
        heard(bench, stream, b"x")


def test_a_stream_can_be_waited_for(bench: Bench, echoing: Domain) -> None:
    with echoing.open_console() as stream:
        assert stream.fileno() >= 0
        stream.write(b"y")
        assert select.select([stream], [], [], bench.target.patience)[0]
        assert stream.read(1)


def test_no_more_is_read_than_was_asked_for(bench: Bench, echoing: Domain) -> None:
    with echoing.open_console() as stream:
        stream.write(b"ab")
        said = b""
        while len(said) < 2:
            part = stream.read(1)
            assert len(part) == 1
            said += part


def test_two_readers_both_read_everything(bench: Bench, echoing: Domain) -> None:
    with echoing.open_console() as first, echoing.open_console() as second:
        first.write(b"x")
        for stream in (first, second):
            heard(bench, stream, b"x")


def test_what_two_write_is_merged(bench: Bench, echoing: Domain) -> None:
    with echoing.open_console() as first, echoing.open_console() as second:
        first.write(b"p")
        heard(bench, first, b"p")
        second.write(b"q")
        heard(bench, first, b"q")
        heard(bench, second, b"q")


def test_a_stream_that_is_closed_leaves_the_other(bench: Bench, echoing: Domain) -> None:
    with echoing.open_console() as first:
        echoing.open_console().close()
        first.write(b"z")
        heard(bench, first, b"z")


def test_a_closed_stream_says_so(talking: Domain) -> None:
    stream = talking.open_console()
    stream.close()
    stream.close()
    with pytest.raises(ValueError):
        stream.read()
    with pytest.raises(ValueError):
        stream.write(b"x")


def test_a_console_is_opened_again_and_again(bench: Bench, echoing: Domain) -> None:
    for letter in (b"a", b"b", b"c"):
        with echoing.open_console() as stream:
            stream.write(letter)
            heard(bench, stream, letter)


def test_a_stream_ends_with_its_guest(bench: Bench, talking: Domain) -> None:
    with talking.open_console() as stream:
        talking.destroy()
        assert select.select([stream], [], [], bench.target.patience)[0]
        assert sum(map(len, rest(stream))) >= 0
        assert stream.read() == b""


def test_a_reader_that_waits_hears_the_end(bench: Bench, talking: Domain) -> None:
    ended = threading.Event()
    with talking.open_console() as stream:

        def read() -> None:
            for _ in rest(stream):
                pass
            ended.set()

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        talking.destroy()
        assert ended.wait(bench.target.patience)
        reader.join()


def test_nobody_reads_what_is_written_to_the_gone(bench: Bench, talking: Domain) -> None:
    with talking.open_console() as stream:
        talking.destroy()
        assert select.select([stream], [], [], bench.target.patience)[0]
        with pytest.raises(HypervisorError):
            for _ in range(100):  # what is on its way may still be taken
                stream.write(b"x" * 4096)


@needs("domain.suspend", "domain.resume")
def test_a_console_survives_a_pause(bench: Bench, echoing: Domain) -> None:
    with echoing.open_console() as stream:
        echoing.suspend()
        echoing.resume()
        stream.write(b"w")
        heard(bench, stream, b"w")


@needs("open_console(replay)")
def test_what_was_said_earlier_is_said_again(bench: Bench, echoing: Domain) -> None:
    with echoing.open_console() as stream:
        stream.write(b"k")
        heard(bench, stream, b"k")
    with echoing.open_console(replay=65536) as again:
        heard(bench, again, b"k")


@needs("open_console(replay)")
def test_no_more_is_said_again_than_was_asked_for(bench: Bench, echoing: Domain) -> None:
    with echoing.open_console() as stream:
        for letter in (b"1", b"2", b"3"):
            stream.write(letter)
            heard(bench, stream, letter)
    with echoing.open_console(replay=1) as again:
        again.write(b"4")
        assert heard(bench, again, b"4") in (b"34", b"4")


@needs("open_console(device)", "domain.xml")
def test_a_console_is_opened_by_its_name(bench: Bench, echoing: Domain) -> None:
    config: Any = echoing.config()
    named = [each.alias.name for each in (*config.devices.consoles, *config.devices.serials) if each.alias]
    bench.require(named, "the hypervisor gives consoles no names")
    with echoing.open_console(device=named[0]) as stream:
        stream.write(b"n")
        heard(bench, stream, b"n")


@needs("open_console(device)")
def test_a_console_that_is_not_there_is_not_opened(talking: Domain) -> None:
    with pytest.raises(NoSuchDevice):
        talking.open_console(device="no-such-device")


@OPENS
def test_a_guest_that_is_off_says_nothing(defined: Domain) -> None:
    with pytest.raises(InvalidState):
        defined.open_console()


@OPENS
def test_nobody_says_nothing(defined: Domain) -> None:
    defined.undefine()
    with pytest.raises(NoSuchDomain):
        defined.open_console()


def test_two_connections_read_one_console(bench: Bench, second_connection: Connection, echoing: Domain) -> None:
    other = second_connection.domain(uuid=echoing.uuid)
    with echoing.open_console() as first, other.open_console() as second:
        second.write(b"s")
        heard(bench, first, b"s")
        heard(bench, second, b"s")


# -- channels -------------------------------------------------------------------------------------------


@needs("channel.open")
def test_a_channel_carries_bytes_both_ways(bench: Bench) -> None:
    bench.require(bench.target.channel, "the system inside listens on no channel")
    domain = bench.start(bench.define(devices=bench.target.channel))
    bench.wait_until_up(domain)
    with domain.open_channel() as stream:
        stream.write(b"c")
        heard(bench, stream, b"c")


@needs("open_channel(name)", "domain.xml")
def test_a_channel_is_opened_by_its_name(bench: Bench) -> None:
    bench.require(bench.target.channel, "the system inside listens on no channel")
    domain = bench.start(bench.define(devices=bench.target.channel))
    bench.wait_until_up(domain)
    config: Any = domain.config()
    with domain.open_channel(name=config.devices.channels[0].target.name) as stream:
        stream.write(b"d")
        heard(bench, stream, b"d")


@needs("open_channel(name)")
def test_a_channel_that_is_not_there_is_not_opened(running: Domain) -> None:
    with pytest.raises(NoSuchDevice):
        running.open_channel(name="org.example.no-such-channel")


@needs("channel.open")
def test_a_guest_that_is_off_has_no_channel_to_open(defined: Domain) -> None:
    with pytest.raises(InvalidState):
        defined.open_channel()


# -- displays -------------------------------------------------------------------------------------------


@needs("graphics.open")
def test_a_display_speaks_its_protocol(bench: Bench) -> None:
    domain = bench.start(bench.define(devices=bench.target.parts.graphics))
    with domain.open_graphics() as stream:
        assert select.select([stream], [], [], bench.target.patience)[0]
        assert stream.read(12)


@needs("open_graphics(index)")
def test_a_display_that_is_not_there_is_not_opened(running: Domain) -> None:
    with pytest.raises((NoSuchDevice, InvalidArgument)):
        running.open_graphics(index=99)


@needs("graphics.open")
def test_a_guest_that_is_off_shows_nothing(defined: Domain) -> None:
    with pytest.raises(InvalidState):
        defined.open_graphics()


@needs("save.screenshot")
def test_a_picture_says_what_it_is(bench: Bench) -> None:
    domain = bench.start(bench.define(devices="<video><model type='vga'/></video>"))
    picture = domain.screenshot()
    assert picture.media_type.startswith("image/") and len(picture.data) > 16


@needs("screenshot(screen)")
def test_a_screen_that_is_not_there_has_no_picture(bench: Bench) -> None:
    domain = bench.start(bench.define(devices="<video><model type='vga'/></video>"))
    with pytest.raises(PolyvisorError) as refusal:
        domain.screenshot(screen=99)
    assert refusal.value.code in ("no-such-device", "invalid-argument")


@needs("save.screenshot")
def test_a_guest_that_is_off_has_no_picture(defined: Domain) -> None:
    with pytest.raises(InvalidState):
        defined.screenshot()
