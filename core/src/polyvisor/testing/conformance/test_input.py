"""Keys, interrupts and signals into guests; pictures out of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from polyvisor.errors import InvalidArgument, InvalidState, NoSuchDevice
from polyvisor.operations.input import Codeset
from polyvisor.operations.records import DomainState
from polyvisor.testing.bench import Bench
from polyvisor.testing.equipment import Kit
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.domain import Domain

LETTERS = {
    Codeset.LINUX: 30,
    Codeset.XT: 30,
    Codeset.ATSET1: 30,
    Codeset.ATSET2: 28,
    Codeset.ATSET3: 28,
    Codeset.OSX: 0x00,
    Codeset.XT_KBD: 30,
    Codeset.USB: 4,
    Codeset.WIN32: 65,
    Codeset.QNUM: 30,
}
"""The key A in each numbering; OS X gives it the number 0."""

MAGIC = {
    "image/png": b"\x89PNG\r\n\x1a\n",
    "image/x-portable-pixmap": b"P",
    "image/jpeg": b"\xff\xd8",
    "image/bmp": b"BM",
}
"""How pictures of each type begin."""


# -- keys -----------------------------------------------------------------------------------------------------


@needs("input.send-key")
@pytest.mark.parametrize("count", [1, 2, 16])
def test_keys_are_pressed_together(running: Domain, count: int) -> None:
    running.send_key(range(30, 30 + count))
    assert running.state().state is DomainState.RUNNING


@needs("send_key(codeset)")
@pytest.mark.parametrize("codeset", [codeset for codeset in Codeset if LETTERS[codeset]])
def test_a_way_to_number_keys_is_taken_or_refused_by_name(running: Domain, codeset: Codeset) -> None:
    try:
        running.send_key([LETTERS[codeset]], codeset=codeset)
    except InvalidArgument as refusal:
        assert codeset is not Codeset.LINUX
        assert codeset.value in refusal.message
    assert running.state().state is DomainState.RUNNING


@needs("send_key(hold_ms)")
def test_keys_are_held(running: Domain) -> None:
    running.send_key([30], hold_ms=1)


@needs("input.send-key")
@pytest.mark.parametrize("keycodes", [[], [30] * 17, [-1], [1 << 20]])
def test_what_is_no_key_is_not_pressed(running: Domain, keycodes: list[int]) -> None:
    with pytest.raises(InvalidArgument):
        running.send_key(keycodes)


@needs("send_key(hold_ms)")
def test_keys_are_not_held_for_less_than_no_time(running: Domain) -> None:
    with pytest.raises(InvalidArgument):
        running.send_key([30], hold_ms=-1)


@needs("input.send-key")
def test_an_off_guest_has_no_keys(defined: Domain) -> None:
    with pytest.raises(InvalidState):
        defined.send_key([30])


# -- interrupts and signals -----------------------------------------------------------------------------------


@needs("input.nmi")
def test_a_guest_can_be_interrupted(running: Domain) -> None:
    running.inject_nmi()
    assert running.state().state.active


@needs("input.nmi")
def test_an_off_guest_cannot_be_interrupted(defined: Domain) -> None:
    with pytest.raises(InvalidState):
        defined.inject_nmi()


@needs("input.signal")
def test_the_first_process_hears_signals(bench: Bench, running: Domain) -> None:
    bench.wait_until_up(running)
    running.send_signal(1, "winch")
    assert running.state().state is DomainState.RUNNING


@needs("input.signal")
@pytest.mark.parametrize(("pid", "signal"), [(1, "louder"), (1, ""), (1, "SIGTERM\n"), (0, "term")])
def test_what_is_no_signal_is_not_sent(running: Domain, pid: int, signal: str) -> None:
    with pytest.raises(InvalidArgument):
        running.send_signal(pid, signal)
    assert running.state().state is DomainState.RUNNING


@needs("input.signal")
def test_a_process_that_is_not_there(running: Domain) -> None:
    with pytest.raises(InvalidArgument):
        running.send_signal(4_000_000, "hup")


@needs("input.signal")
def test_an_off_guest_hears_no_signal(defined: Domain) -> None:
    with pytest.raises(InvalidState):
        defined.send_signal(1, "term")


# -- pictures -------------------------------------------------------------------------------------------------


@pytest.fixture
def screen(kit: Kit) -> Domain:
    """A running guest with a screen."""
    return kit.running(devices="<video><model type='vga'/></video>")


@needs("save.screenshot")
def test_a_picture_is_of_the_type_it_says(screen: Domain) -> None:
    found = screen.screenshot()
    assert found.media_type in MAGIC
    assert found.data.startswith(MAGIC[found.media_type])
    assert len(found.data) > len(MAGIC[found.media_type])


@needs("screenshot(screen)")
@pytest.mark.parametrize("number", [77, -1])
def test_a_screen_that_is_not_there(screen: Domain, number: int) -> None:
    with pytest.raises(NoSuchDevice):
        screen.screenshot(screen=number)


@needs("save.screenshot", "domain.suspend")
def test_a_paused_guest_still_shows_something(bench: Bench, screen: Domain) -> None:
    bench.require(bench.target.paused_shows, "the screen of a paused guest is not to be seen")
    screen.suspend()
    assert screen.screenshot().data


@needs("save.screenshot")
def test_an_off_guest_shows_nothing(defined: Domain) -> None:
    with pytest.raises(InvalidState):
        defined.screenshot()


@needs("save.screenshot", "domain.xml")
def test_a_picture_leaves_no_file(bench: Bench, screen: Domain) -> None:
    before = sorted(bench.scratch.rglob("*"))
    screen.screenshot()
    assert sorted(bench.scratch.rglob("*")) == before
