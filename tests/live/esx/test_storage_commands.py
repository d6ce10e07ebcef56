"""``polyvisor esx`` and datastores: what commands say and do, on a simulated host and in a simulated vCenter."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from simulator import Simulator

from polyvisor import model
from polyvisor.cli.root import polyvisor as program

pytestmark = pytest.mark.live


@pytest.fixture
def folder(request: pytest.FixtureRequest) -> str:
    """A folder of the test's own."""
    return f"c{zlib.crc32(request.node.name.encode()):x}"


@pytest.fixture
def run(server: Simulator, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    path = "" if server.mode == "esx" else "DC0/DC0_C0/DC0_C0_H0"
    monkeypatch.setenv("POLYVISOR_ESX_PASSWORD", server.password)

    def invoke(*arguments: str, status: int = 0) -> str:
        result = CliRunner().invoke(program, ["-c", server.uri(path), *arguments])
        assert result.exit_code == status, result.output
        return result.output

    return invoke


def test_commands_list_and_show(run: Callable[..., Any]) -> None:
    assert "running" in run("esx", "datastores")
    assert json.loads(run("--json", "esx", "datastores", "--refresh"))[0]["name"] == "LocalDS_0"
    shown: Any = model.parse("storagepool", run("esx", "datastores", "LocalDS_0"))
    assert shown.name == "LocalDS_0"
    assert "VM0/disk1.vmdk" in run("esx", "files", "LocalDS_0", "--volumes")
    assert json.loads(run("--json", "esx", "targets")) == []  # the simulator's hosts have no such adapter
    assert "datastores: LocalDS_0" in run("esx", "files", "nowhere", status=5)


def test_commands_mount_and_unmount(run: Callable[..., Any], server: Simulator, tmp_path: Path) -> None:
    (server.certificate.file.parent / "shared").mkdir(exist_ok=True)  # the simulator wants it there
    file = tmp_path / "shared.xml"
    file.write_text(
        "<pool type='netfs'><name>shared</name><source><host name='192.0.2.7'/><dir path='/srv/shared'/></source>"
        "<target><path>/anywhere</path></target></pool>"
    )
    run("esx", "mount", str(file))
    assert "netfs" in run("esx", "datastores")
    run("esx", "unmount", "shared")
    assert "netfs" not in run("esx", "datastores")
    assert "its files" in run("esx", "unmount", "LocalDS_0", status=4)


def test_commands_move_files(run: Callable[..., Any], tmp_path: Path, folder: str) -> None:
    here, back = tmp_path / "a.iso", tmp_path / "b.iso"
    here.write_bytes(b"image" * 1000)
    there = f"[LocalDS_0] {folder}/a.iso"
    run("esx", "upload", str(here), f"[LocalDS_0] {folder}/")
    assert "is there already" not in run("esx", "upload", str(here), there, "--overwrite")
    assert "already" in run("esx", "upload", str(here), there, status=1)
    shown: Any = model.parse("storagevol", run("esx", "files", there))
    assert (shown.key, shown.capacity.size) == (there, 5000)
    run("esx", "download", there, str(back))
    assert back.read_bytes() == here.read_bytes()
    assert back.stat().st_mode & 0o777 == 0o600
    assert "already" in run("esx", "download", there, str(back), status=1)
    run("esx", "download", f"{there}x", str(tmp_path / "c"), status=5)
    assert "cannot be made" in run("esx", "download", there, str(tmp_path / "none" / "c"), status=1)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["a.iso", "b.iso"]
    run("esx", "copy", there, f"[LocalDS_0] {folder}/c.iso")
    run("esx", "mv", there, f"[LocalDS_0] {folder}/d.iso")
    run("esx", "rm", f"[LocalDS_0] {folder}/d.iso")
    assert [each["name"] for each in json.loads(run("--json", "esx", "files", f"[LocalDS_0] {folder}"))] == [
        f"{folder}/c.iso"
    ]


def test_commands_make_disks(run: Callable[..., Any], folder: str) -> None:
    place = f"[LocalDS_0] {folder}/a.vmdk"
    made = json.loads(run("--json", "esx", "disk", "create", place, "1G", "--thin"))
    assert (made["capacity"], made["thin"]) == (1 << 30, True)
    assert "2 GiB" in run("esx", "disk", "resize", place, "2G")
    run("esx", "disk", "wipe", place, status=130)  # nobody is there to say yes
    run("esx", "disk", "wipe", place, "--yes")
    run("esx", "disk", "create", place, "many", status=2)
    assert "read-only" in run("--readonly", "esx", "rm", place, status=7)


def test_places_are_completed(run: Callable[..., Any], server: Simulator) -> None:
    from click.shell_completion import ShellComplete

    path = "" if server.mode == "esx" else "DC0/DC0_C0/DC0_C0_H0"
    complete = ShellComplete(program, {}, "polyvisor", "_POLYVISOR_COMPLETE")
    begun = ["-c", server.uri(path), "esx"]
    assert [each.value for each in complete.get_completions([*begun, "datastores"], "Local")] == ["LocalDS_0"]
    assert [each.value for each in complete.get_completions([*begun, "files"], "[Lo")] == ["[LocalDS_0] "]
    offered = [each.value for each in complete.get_completions([*begun, "rm"], "[LocalDS_0] ")]
    assert any(each.endswith("_VM0/") for each in offered)


def test_a_file_is_read_in_the_encoding_it_names(run: Callable[..., Any], tmp_path: Path) -> None:
    lines = (
        '.encoding = "windows-1252"\nconfig.version = "8"\nvirtualHW.version = "13"\ndisplayName = "Gr\u00fc\u00dfe"'
    )
    file = tmp_path / "greetings.vmx"
    file.write_bytes(lines.encode("cp1252"))
    assert "<name>Gr\u00fc\u00dfe</name>" in run("domxml-from-native", "vmware-vmx", str(file))


def test_free_memory_that_is_not_told_by_cell_is_told_in_all(run: Callable[..., Any]) -> None:
    alone = run("freecell").split()
    assert run("freecell", "--all").split()[-3:] == alone
    assert int(alone[1]) > 0
