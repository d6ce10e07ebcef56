"""Real containers saved and restored by CRIU where it works here; where it does not, the reason is told."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import polyvisor
from polyvisor.errors import UnsupportedConfiguration
from polyvisor.operations.records import DomainState, StateInfo
from polyvisor_lxc import criu
from polyvisor_lxc.conformance import SHARED_IDS

from .conftest import until

pytestmark = pytest.mark.live

COUNT = "i=0; while :; do i=$((i+1)); echo $i > /tmp/count; sleep 0.05; done"


@pytest.fixture
def counter(connection, document, root: Path) -> polyvisor.Domain:
    """A container that counts, of a kind that CRIU can save."""
    text = document(init="/bin/sh", arguments=("-c", COUNT)).replace("<console type='pty'/>", "")
    domain = connection.define(text.replace("</domain>", f"{SHARED_IDS}</domain>")).start()
    assert until(lambda: count(root) > 3)
    return domain


def count(root: Path) -> int:
    """How far it has come."""
    try:
        return int((root / "tmp" / "count").read_text() or 0)
    except FileNotFoundError:
        return 0


def possible() -> None:
    if not criu.check().possible:
        pytest.skip(criu.check().why)


def test_a_container_goes_on_counting(connection, counter, root: Path, tmp_path: Path, inside) -> None:
    possible()
    counter.save(f"{tmp_path}/saved")
    assert counter.state() == StateInfo(DomainState.SHUT_OFF, "saved")
    reached = count(root)
    again = connection.restore(f"{tmp_path}/saved")
    assert again.state() == StateInfo(DomainState.RUNNING, "restored")
    assert until(lambda: count(root) > reached), "it goes on from where it was, not from 1"
    assert inside(again, "sh", "-c", "echo $$") != "", "commands run in it as before"
    again.destroy()


def test_it_is_as_confined_as_before(connection, counter, tmp_path: Path, uri) -> None:
    possible()
    words = [sys.executable, "-m", "polyvisor.cli", "-c", uri, "--json", "lxc", "audit", counter.name]
    before = subprocess.run(words, capture_output=True, text=True, check=False).stdout
    counter.save(f"{tmp_path}/saved")
    connection.restore(f"{tmp_path}/saved")
    assert subprocess.run(words, capture_output=True, text=True, check=False).stdout == before != ""


def test_it_is_taken_up_paused(connection, counter, root: Path) -> None:
    possible()
    counter.managed_save(paused=True)
    reached = count(root)
    counter.start()
    assert counter.state().state is DomainState.PAUSED
    assert not until(lambda: count(root) != reached, 0.3)
    counter.resume()
    assert until(lambda: count(root) > reached)


def test_where_it_cannot_be_saved_it_runs_on_and_the_reason_is_told(counter, tmp_path: Path) -> None:
    if criu.check().possible:
        pytest.skip("CRIU works here")
    with pytest.raises(UnsupportedConfiguration, match="cannot be saved or restored") as told:
        counter.save(f"{tmp_path}/saved")
    assert "criu" in str(told.value).lower()
    assert told.value.hint
    assert counter.state().state is DomainState.RUNNING
    assert not (tmp_path / "saved").exists()


def test_a_container_with_a_console_is_not_saved(box, tmp_path: Path) -> None:
    with pytest.raises(UnsupportedConfiguration) as told:
        box.save(f"{tmp_path}/saved")
    assert told.value.hint
    assert box.state().state is DomainState.RUNNING
