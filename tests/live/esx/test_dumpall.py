"""Documents of all guests of a simulated server, saved by one command."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from pyVmomi import vim
from simulator import Simulator

import polyvisor
from polyvisor.cli.root import polyvisor as program
from polyvisor.spi import DomainRef

pytestmark = pytest.mark.live


@pytest.fixture
def run(server: Simulator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    monkeypatch.setenv("POLYVISOR_ESX_PASSWORD", server.password)
    path = "" if server.mode == "esx" else "DC0/DC0_C0/DC0_C0_H0"

    def command(*arguments: str) -> Any:
        return CliRunner().invoke(program, ["-c", server.uri(path), "--json", *arguments], prog_name="polyvisor")

    return command


@pytest.fixture
def odd(connection: polyvisor.Connection) -> Iterator[DomainRef]:
    """A guest whose hardware is older than any that a document can be made of."""
    ref = connection.list_domains()[0].ref
    session: Any = connection._invoker.session
    machine = session.vm(ref)
    before = session.properties(vim.VirtualMachine, ("config.version",), [machine])[machine]["config.version"]
    session.wait(machine.ReconfigVM_Task(spec=vim.vm.ConfigSpec(version="vmx-03")))
    yield ref
    session.wait(machine.ReconfigVM_Task(spec=vim.vm.ConfigSpec(version=before)))


def test_each_guest_is_in_a_file(run: Any, connection: polyvisor.Connection, tmp_path: Path) -> None:
    found = run("esx", "dumpall", str(tmp_path / "all"))
    assert found.exit_code == 0, found.output
    uuids = {str(each.ref.uuid) for each in connection.list_domains()}
    assert {each.stem for each in (tmp_path / "all").iterdir()} == uuids
    assert json.loads(found.stdout)["domains"] == len(uuids)


def test_a_guest_without_a_document_keeps_nobody_from_being_saved(
    run: Any, connection: polyvisor.Connection, odd: DomainRef, tmp_path: Path
) -> None:
    found = run("esx", "dumpall", str(tmp_path))
    assert found.exit_code == 4, found.output
    uuids = {str(each.ref.uuid) for each in connection.list_domains()}
    assert {each.stem for each in tmp_path.iterdir()} == uuids - {str(odd.uuid)}
    assert "virtualHW.version is 3" in found.output and odd.name in found.output
    assert json.loads(found.stderr)["error"]["details"]["failed"].keys() == {str(odd.uuid)}
