"""What the README shows is what is seen."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.live

README = (Path(__file__).parents[2] / "README.md").read_text()
SCRIPTS = Path(sys.executable).parent

GUEST = """<domain type='qemu'>
  <name>guest</name>
  <memory unit='MiB'>16</memory>
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <features><acpi/></features>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/>
      <source file='{image}'/>
      <target dev='vda' bus='virtio'/>
      <readonly/>
    </disk>
    <serial type='pty'/>
    <memballoon model='none'/>
  </devices>
</domain>
"""


def block(language: str, number: int = 0) -> str:
    """A fenced block of the README."""
    return README.split(f"```{language}\n")[1 + number].split("```")[0]


@pytest.fixture
def home(tmp_path):
    """A user of a directory's own, with guest.xml in the current one."""
    from polyvisor_qemu.guest import image_path

    (tmp_path / "guest.xml").write_text(GUEST.format(image=image_path()))
    directories = {"HOME": "home", "XDG_CONFIG_HOME": "c", "XDG_STATE_HOME": "s", "XDG_RUNTIME_DIR": "r"}
    for name in directories.values():
        (tmp_path / name).mkdir(mode=0o700)
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("POLYVISOR_", "LIBVIRT_"))}
    environment |= {key: str(tmp_path / name) for key, name in directories.items()}
    environment["XDG_CACHE_HOME"] = str(tmp_path / "home")
    environment["PATH"] = f"{SCRIPTS}{os.pathsep}{os.environ['PATH']}"
    return tmp_path, environment


def run(argv, home, typed=""):
    where, environment = home
    return subprocess.run(
        argv, cwd=where, env=environment, capture_output=True, text=True, timeout=60, input=typed, check=False
    )


def test_the_demo_prints_what_the_readme_shows(home):
    ran = run([SCRIPTS / "polyvisor", "demo"], home)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip("\n").splitlines() == block("text").strip("\n").splitlines()


def test_the_ten_lines_of_python_run(home):
    ran = run([sys.executable, "-c", block("python")], home)
    assert ran.returncode == 0, ran.stderr
    assert "'guest'" in ran.stdout and "16384" in ran.stdout
    assert ran.stdout.splitlines()[1:] == ["destroyed", "False"]


def test_the_ten_lines_of_shell_run(home):
    ran = run(["sh", "-ex", "-c", block("sh")], home, typed="\x1d")
    assert ran.returncode == 0, ran.stderr
    assert "guest.xml validates" in ran.stdout
    assert '"name": "guest"' in ran.stdout
    assert "running (unpaused)" in ran.stdout  # --console starts it paused, to miss nothing
    assert "Domain 'guest' has been undefined" in ran.stdout
