"""Where things are kept."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from polyvisor.errors import HostError, InvalidArgument
from polyvisor.state import Paths, reachable


def test_the_system_has_the_places_of_the_file_hierarchy_standard() -> None:
    paths = Paths.system("qemu")
    assert [str(path) for path in (paths.config, paths.state, paths.run, paths.log, paths.cache)] == [
        "/etc/polyvisor/qemu",
        "/var/lib/polyvisor/qemu",
        "/run/polyvisor/qemu",
        "/var/log/polyvisor/qemu",
        "/var/cache/polyvisor/qemu",
    ]


def test_a_session_follows_the_xdg_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("CONFIG_HOME", "STATE_HOME", "CACHE_HOME", "RUNTIME_DIR"):
        monkeypatch.setenv(f"XDG_{name}", f"/x/{name.lower()}")
    paths = Paths.session("qemu")
    assert str(paths.config) == "/x/config_home/polyvisor/qemu"
    assert str(paths.state) == "/x/state_home/polyvisor/qemu"
    assert str(paths.run) == "/x/runtime_dir/polyvisor/qemu"
    assert str(paths.cache) == "/x/cache_home/polyvisor/qemu"


def test_a_session_without_the_variables_lives_in_the_home_directory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("CONFIG_HOME", "STATE_HOME", "CACHE_HOME"):
        monkeypatch.setenv(f"XDG_{name}", "not/absolute")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    paths = Paths.session("qemu")
    assert paths.config == tmp_path / ".config/polyvisor/qemu"
    assert paths.state == tmp_path / ".local/state/polyvisor/qemu"
    assert paths.cache == tmp_path / ".cache/polyvisor/qemu"
    usual = Path(f"/run/user/{os.getuid()}")
    assert paths.run in (usual / "polyvisor/qemu", paths.state / "run")


def test_an_embedded_tree_is_all_below_its_root(tmp_path: Path) -> None:
    paths = Paths.embedded("qemu", tmp_path)
    paths.create()
    assert {path.stat().st_mode & 0o777 for path in tmp_path.joinpath("qemu").iterdir()} == {0o700}
    assert len(list(tmp_path.joinpath("qemu").iterdir())) == 5


def test_an_embedded_tree_needs_an_absolute_root() -> None:
    with pytest.raises(InvalidArgument, match="absolute"):
        Paths.embedded("qemu", "here")


def test_a_short_socket_path_is_the_plain_one(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Paths.embedded("qemu", "/r").socket("guest", "monitor") == Path("/r/qemu/run/guest/monitor")


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory with a name of a length that users' runtime directories have, wherever the tests lie."""
    with tempfile.TemporaryDirectory(prefix="pv") as directory:
        yield Path(directory)


def test_a_long_socket_path_leads_through_a_short_link(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, short_path: Path
) -> None:
    runtime = short_path / "r"
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    paths = Paths.embedded("qemu", tmp_path / ("long" * 30))
    paths.create()
    path = paths.socket("monitor")
    assert path == paths.socket("monitor"), "the same for everybody"
    assert len(os.fsencode(path)) <= 107
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    assert (paths.run / "monitor").is_socket()


def test_a_hopelessly_long_socket_path_is_refused() -> None:
    with pytest.raises(HostError, match="107"):
        Paths.embedded("qemu", "/r").socket("x" * 200)


def test_a_long_path_is_reachable_from_this_process(tmp_path: Path) -> None:
    directory = tmp_path / ("long" * 30)
    directory.mkdir()
    path = directory / "socket"
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        with reachable(path) as address:
            server.bind(address)
            server.listen()
        with reachable(path) as address:
            client.connect(address)
    assert path.is_socket()
