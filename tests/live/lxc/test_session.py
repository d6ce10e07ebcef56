"""Containers of users who are not root: ``lxc:///session``, run as a user who has ids of their own in /etc/subuid."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

PROGRAM = """
import json, os, sys, tempfile
from pathlib import Path
with tempfile.TemporaryDirectory(dir=str(Path.home())) as scratch:
    for name in ("CONFIG_HOME", "STATE_HOME", "CACHE_HOME", "RUNTIME_DIR"):
        os.environ[f"XDG_{name}"] = f"{scratch}/{name}"
        os.mkdir(f"{scratch}/{name}", 0o700)
    import polyvisor
    from polyvisor.errors import PolyvisorError
    from polyvisor_lxc.conformance import GUEST, make_root
    root = make_root(Path(scratch) / "root")
    told = {}
    with polyvisor.open("lxc:///session") as connection:
        domain = connection.define(GUEST.format(root=root))
        try:
            domain.start()
        except PolyvisorError as error:
            told["refused"], told["hint"] = error.message, error.hint
        else:
            told["state"] = str(domain.state().state)
            told["hostname"] = domain.guest_hostname()
            domain.suspend(); told["suspended"] = str(domain.state().state); domain.resume()
            told["memory"] = domain.memory_stats().available
            domain.destroy()
            told["begun"] = str(domain.start(paused=True).state().state); domain.resume()
            told["went on"] = str(domain.state().state)
            try:
                domain.save(f"{scratch}/saved")
            except PolyvisorError as error:
                told["unsaved"] = error.message
            domain.destroy()
        told["after"] = str(domain.state().state)
        told["owner"] = (root / "init").stat().st_uid == os.getuid()
        domain.undefine()
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def user() -> str:
    """A user with ids for containers, who is not root."""
    for line in Path("/etc/subuid").read_text().splitlines() if Path("/etc/subuid").exists() else []:
        name, _, count = line.split(":")
        if name != "root" and int(count) >= 65536:
            try:
                pwd.getpwnam(name)
            except KeyError:
                continue
            return name
    pytest.skip("no user but root has ids in /etc/subuid")


def run(*command: str) -> dict[str, object]:
    """What the program printed, run by the first Python of this version that the user may execute."""
    environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": os.pathsep.join(sys.path), "POLYVISOR_CONFIG": "/dev/null"}
    for python in (os.path.realpath(sys.executable), f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"):
        words = [*command, python]
        tried = subprocess.run(
            [*words, "-c", "import polyvisor, lxml.etree"], env=environment, capture_output=True, cwd="/"
        )
        if tried.returncode == 0:
            done = subprocess.run([*words, "-c", PROGRAM], env=environment, capture_output=True, text=True, cwd="/")
            assert done.returncode == 0, done.stderr
            return json.loads(done.stdout.splitlines()[-1])
    pytest.skip("the user may run no Python that has polyvisor")


def as_user(user: str) -> list[str]:
    """Runs a command as ``user`` without any session: in the control groups of who runs the tests."""
    if shutil.which("setpriv") is None:
        pytest.skip("setpriv is not installed")
    home = pwd.getpwnam(user).pw_dir
    return ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "env", f"HOME={home}", f"USER={user}"]


def test_without_groups_of_their_own_users_are_told_what_is_missing(user) -> None:
    told = run(*as_user(user))
    if "refused" not in told:
        pytest.skip("the control groups of this process are the user's, too")
    assert "cgroup" in str(told["refused"])
    assert "delegated" in str(told["hint"])
    assert (told["after"], told["owner"]) == ("shut off", True)


def test_users_run_containers_in_groups_that_are_theirs(user) -> None:
    directories = _delegate(user)
    try:
        joins = "; ".join(f"echo $$ > {directory}/cgroup.procs" for directory in directories)
        told = run("sh", "-c", f'{joins}; exec "$@"', "sh", *as_user(user))
    finally:
        for directory in directories:
            for below in sorted(directory.glob("**/"), reverse=True):
                below.rmdir()
    assert "refused" not in told, told
    assert told["state"] == "running"
    assert told["hostname"] == "guest"
    assert (told["begun"], told["went on"]) == ("paused", "running")
    assert "only root may checkpoint" in str(told["unsaved"])
    assert (told["suspended"], told["memory"]) == ("paused", 65536)
    assert (told["after"], told["owner"]) == ("shut off", True)


def _delegate(user: str) -> list[Path]:
    """A group of ``user`` in every hierarchy of version 1."""
    from polyvisor_lxc.cgroups import hierarchies

    found = hierarchies()
    if not found.v1:
        pytest.skip("delegation in version 2 is the service manager's")
    made = []
    for mount in {*found.v1.values(), *([found.v2] if found.v2 else [])}:
        directory = Path(mount) / f"polyvisor-test-{os.getpid()}"
        directory.mkdir()
        made.append(directory)
        for name in ("cpus", "mems"):
            if (setting := directory / f"cpuset.{name}").exists() and not setting.read_text().strip():
                setting.write_text((Path(mount) / f"cpuset.{name}").read_text())
        for path in (directory, *directory.iterdir()):
            shutil.chown(path, user)
    return made
