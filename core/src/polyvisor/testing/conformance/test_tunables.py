"""What every change with ``affect`` promises: which of the two configurations it reaches, and that it lasts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from polyvisor.errors import InvalidState, ReadOnly, UnsupportedConfiguration
from polyvisor.operations.catalogue import every
from polyvisor.operations.records import Affect
from polyvisor.testing.equipment import Kit, document
from polyvisor.testing.tunables import TUNABLES, Tunable

if TYPE_CHECKING:
    from polyvisor.objects.domain import Domain

MEMORY = "<memory unit='KiB'>65536</memory><currentMemory unit='KiB'>65536</currentMemory>"


class Tuned:
    """A tunable, and a guest to try it on."""

    def __init__(self, tunable: Tunable, kit: Kit) -> None:
        self.tunable = tunable
        self.kit = kit
        self.bench = kit.bench

    def guest(self, *, running: bool = False) -> Domain:
        """A guest that the change would change."""
        parts = [part for part in self.tunable.parts if part != "memory"]
        extra = MEMORY if "memory" in self.tunable.parts else ""
        guest = self.kit.guest(*parts, extra=extra)
        if self.tunable.offered is not None and self.bench.has(self.tunable.asking or self.tunable.operation):
            self.bench.require(self.tunable.offered(guest), "the hypervisor has no such tunable")
        if running:
            self.bench.start(guest)
        assert self.stored(guest) != self.tunable.value, "the guest has what it was to be given: the test is no test"
        return guest

    def change(self, guest: Domain, affect: Affect) -> None:
        """Make the change; skips the test where the operation refuses it as one that the hypervisor cannot make."""
        try:
            self.tunable.change(guest, self.kit, affect)
        except UnsupportedConfiguration as refusal:
            if UnsupportedConfiguration not in every()[self.tunable.operation.partition("(")[0]].raises:
                raise
            self.bench.require(False, refusal.message)

    def stored(self, guest: Domain) -> Any:
        """What the stored document says."""
        return self.tunable.written(document(guest, stored=True), self.kit)

    def now(self, guest: Domain) -> Any:
        """What the document that counts now says."""
        return self.tunable.written(document(guest), self.kit)

    def require_now(self, guest: Domain) -> None:
        """The document that counts now says what the change was to; by and by, if that is all that is promised."""
        if self.tunable.gradual and guest.is_active:
            self.bench.wait_until_up(guest)
            if self.bench.target.balloons:
                self.bench.until(lambda: self.now(guest) == self.tunable.value, "what was asked of the guest")
        else:
            assert self.now(guest) == self.tunable.value


LIVE = [name for name, tunable in TUNABLES.items() if tunable.live]
NOT_LIVE = [name for name, tunable in TUNABLES.items() if not tunable.live]
ANSWERED = [name for name, tunable in TUNABLES.items() if tunable.answer]


def prepare(name: str, kit: Kit, *needs: str, live: bool = False) -> Tuned:
    """The tunable of that name; skips the test where there is none of it, or with ``live`` none of a running guest."""
    tunable = TUNABLES[name]
    kit.bench.need(tunable.operation, *needs)
    if live:
        waits = tunable.operation.partition("(")[0] in kit.bench.target.stored_only
        kit.bench.require(not waits, f"{tunable.operation} waits for the next start on this hypervisor")
    return Tuned(tunable, kit)


@pytest.fixture(params=list(TUNABLES))
def tuned(request: pytest.FixtureRequest, kit: Kit) -> Tuned:
    """Everything that can be tuned."""
    return prepare(request.param, kit, "domain.xml")


@pytest.fixture(params=LIVE)
def live(request: pytest.FixtureRequest, kit: Kit) -> Tuned:
    """What can be tuned while the guest runs."""
    return prepare(request.param, kit, "domain.xml", live=True)


@pytest.fixture(params=NOT_LIVE)
def not_live(request: pytest.FixtureRequest, kit: Kit) -> Tuned:
    """What cannot."""
    return prepare(request.param, kit, "domain.xml")


@pytest.fixture(params=ANSWERED)
def answered(request: pytest.FixtureRequest, kit: Kit) -> Tuned:
    """What an operation tells of."""
    return prepare(request.param, kit, TUNABLES[request.param].asking or "")


@pytest.fixture(params=[name for name in ANSWERED if name in LIVE])
def answered_live(request: pytest.FixtureRequest, kit: Kit) -> Tuned:
    """What an operation tells of that can be tuned while the guest runs."""
    return prepare(request.param, kit, TUNABLES[request.param].asking or "", live=True)


def test_an_off_guest_is_changed_for_its_next_start(tuned: Tuned) -> None:
    guest = tuned.guest()
    tuned.change(guest, Affect.CURRENT)
    assert tuned.stored(guest) == tuned.tunable.value
    tuned.bench.start(guest)
    tuned.require_now(guest)


def test_a_stored_change_waits_for_the_next_start(tuned: Tuned) -> None:
    tuned.bench.require(tuned.bench.target.separate_copies, "the hypervisor has one configuration of a guest")
    guest = tuned.guest(running=True)
    before = tuned.now(guest)
    tuned.change(guest, Affect.CONFIG)
    assert (tuned.now(guest), tuned.stored(guest)) == (before, tuned.tunable.value)
    guest.destroy()
    guest.start()
    tuned.require_now(guest)


def test_a_live_change_ends_with_the_guest(live: Tuned) -> None:
    live.bench.require(live.bench.target.separate_copies, "the hypervisor has one configuration of a guest")
    guest = live.guest(running=True)
    before = live.stored(guest)
    live.change(guest, Affect.LIVE)
    live.require_now(guest)
    assert live.stored(guest) == before
    guest.destroy()
    guest.start()
    assert live.now(guest) != live.tunable.value


def test_what_is_current_of_a_running_guest_is_live(live: Tuned) -> None:
    live.bench.require(live.bench.target.separate_copies, "the hypervisor has one configuration of a guest")
    guest = live.guest(running=True)
    before = live.stored(guest)
    live.change(guest, Affect.CURRENT)
    live.require_now(guest)
    assert live.stored(guest) == before


def test_a_change_of_both_changes_both(live: Tuned) -> None:
    guest = live.guest(running=True)
    live.change(guest, Affect.BOTH)
    live.require_now(guest)
    assert live.stored(guest) == live.tunable.value


def test_what_cannot_change_live_is_refused_and_stays(not_live: Tuned) -> None:
    guest = not_live.guest(running=True)
    before = not_live.now(guest)
    for affect in (Affect.LIVE, Affect.CURRENT, Affect.BOTH):
        with pytest.raises(InvalidState):
            not_live.change(guest, affect)
    assert (not_live.now(guest), not_live.stored(guest)) == (before, before)


def test_an_off_guest_has_nothing_live_to_change(tuned: Tuned) -> None:
    guest = tuned.guest()
    before = tuned.stored(guest)
    for affect in (Affect.LIVE, Affect.BOTH):
        with pytest.raises(InvalidState):
            tuned.change(guest, affect)
    assert tuned.stored(guest) == before


def test_a_transient_guest_has_nothing_stored_to_change(tuned: Tuned) -> None:
    tuned.bench.require(tuned.bench.target.undefines_running, "the hypervisor forgets no guest that runs")
    guest = tuned.guest(running=True)
    guest.undefine()
    before = tuned.now(guest)
    for affect in (Affect.CONFIG, Affect.BOTH):
        with pytest.raises(InvalidState):
            tuned.change(guest, affect)
    assert tuned.now(guest) == before


def test_a_change_survives_that_its_document_is_defined_again(tuned: Tuned) -> None:
    guest = tuned.guest()
    tuned.change(guest, Affect.CONFIG)
    text = guest.xml(inactive=True, secure=True)
    again = guest.connection.define(text)
    assert tuned.stored(again) == tuned.tunable.value
    assert again.xml(inactive=True, secure=True) == text


def test_a_change_touches_nothing_else(tuned: Tuned) -> None:
    guest, other = tuned.guest(), tuned.bench.define()
    identity, untouched = (guest.name, guest.uuid), other.xml()
    tuned.change(guest, Affect.CONFIG)
    found = document(guest, stored=True)
    assert (found.name, str(found.uuid)) == (identity[0], str(identity[1]))
    assert other.xml() == untouched


def test_readers_change_nothing(tuned: Tuned) -> None:
    from polyvisor.objects.domain import Domain

    guest = tuned.guest()
    before = tuned.stored(guest)
    reader = Domain(tuned.bench.open(readonly=True), guest.ref)
    with pytest.raises(ReadOnly):
        tuned.change(reader, Affect.CONFIG)
    assert tuned.stored(guest) == before


def test_questions_are_answered_by_the_configuration_asked_for(answered: Tuned) -> None:
    answered.bench.require(answered.bench.target.separate_copies, "the hypervisor has one configuration of a guest")
    guest = answered.guest(running=True)
    answered.change(guest, Affect.CONFIG)
    ask = answered.tunable.answer
    assert ask
    assert ask(guest, answered.kit, Affect.CONFIG) == answered.tunable.value
    assert ask(guest, answered.kit, Affect.CURRENT) == ask(guest, answered.kit, Affect.LIVE)
    guest.destroy()
    assert ask(guest, answered.kit, Affect.CURRENT) == answered.tunable.value
    with pytest.raises(InvalidState):
        ask(guest, answered.kit, Affect.LIVE)


def test_a_live_change_is_in_the_answer(answered_live: Tuned) -> None:
    guest = answered_live.guest(running=True)
    answered_live.change(guest, Affect.LIVE)
    ask = answered_live.tunable.answer
    assert ask
    assert ask(guest, answered_live.kit, Affect.LIVE) == answered_live.tunable.value
