"""Which of the host's cells a guest's memory comes from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from polyvisor.errors import InvalidArgument, InvalidState
from polyvisor.operations.numa import NumaMode
from polyvisor.operations.records import Affect
from polyvisor.testing.bench import Bench
from polyvisor.testing.equipment import Kit
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.domain import Domain

NOWHERE = 4711
"""A cell that no host has."""


@needs("numa.params")
def test_a_guest_that_says_nothing_may_be_anywhere(defined: Domain) -> None:
    assert defined.numa_parameters().nodeset == frozenset()


@needs("numa.params")
def test_a_binding_is_the_documents(bench: Bench) -> None:
    guest = bench.define(extra="<numatune><memory mode='preferred' nodeset='0'/></numatune>")
    found = guest.numa_parameters()
    assert (found.mode, sorted(found.nodeset)) == (NumaMode.PREFERRED, [0])


@needs("numa.params", "numa.params.set")
@pytest.mark.parametrize("mode", list(NumaMode))
def test_a_mode_is_stored_or_refused_by_name(bench: Bench, mode: NumaMode) -> None:
    guest = bench.define(extra="<numatune><memory mode='strict' nodeset='0'/></numatune>")
    try:
        guest.set_numa_parameters(mode=mode)
    except InvalidArgument as refusal:
        assert mode is not NumaMode.STRICT
        assert mode.value in refusal.message
        mode = NumaMode.STRICT
    found = guest.numa_parameters()
    assert (found.mode, sorted(found.nodeset)) == (mode, [0]), "the cells were not named, so they stay"


@needs("numa.params", "numa.params.set")
def test_cells_change_and_the_mode_stays(bench: Bench) -> None:
    guest = bench.define(extra="<numatune><memory mode='interleave' nodeset='0'/></numatune>")
    guest.set_numa_parameters(nodeset={0})
    assert guest.numa_parameters().mode is NumaMode.INTERLEAVE


@needs("numa.params.set", "domain.xml")
@pytest.mark.parametrize("nodeset", [{NOWHERE}, {0, NOWHERE}, {-1}])
def test_a_cell_that_the_host_does_not_have_changes_nothing(defined: Domain, nodeset: set[int]) -> None:
    before = defined.xml()
    with pytest.raises(InvalidArgument):
        defined.set_numa_parameters(nodeset=nodeset)
    assert defined.xml() == before


@needs("numa.params", "numa.params.set")
def test_the_mode_of_a_running_guest_stays(kit: Kit) -> None:
    guest = kit.running(extra="<numatune><memory mode='strict' nodeset='0'/></numatune>")
    for mode in (NumaMode.INTERLEAVE, NumaMode.PREFERRED):
        with pytest.raises((InvalidState, InvalidArgument)):
            guest.set_numa_parameters(mode=mode)
        with pytest.raises((InvalidState, InvalidArgument)):
            guest.set_numa_parameters(mode=mode, affect=Affect.BOTH)
    for affect in (Affect.LIVE, Affect.CONFIG):
        assert guest.numa_parameters(affect=affect).mode is NumaMode.STRICT


@needs("numa.params", "numa.params.set")
@pytest.mark.parametrize("mode", ["preferred", "interleave"])
def test_memory_that_is_not_bound_strictly_does_not_move(kit: Kit, mode: str) -> None:
    guest = kit.running(extra=f"<numatune><memory mode='{mode}' nodeset='0'/></numatune>")
    with pytest.raises(InvalidState):
        guest.set_numa_parameters(nodeset={0})
    assert guest.numa_parameters().mode == mode
