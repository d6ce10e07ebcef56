"""The packages of Linux distributions say what the workspace says: which there are, what each asks for and brings."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from polyvisor.cli.root import polyvisor
from polyvisor.cli.vocabulary import MODULES
from polyvisor.state.paths import Paths

WORKSPACE = Path(__file__).parents[2]
PACKAGING = WORKSPACE / "packaging"
VERSION = (WORKSPACE / "VERSION").read_text().strip()
HOMES = {
    "polyvisor-schemas": WORKSPACE / "schemas",
    "python3-polyvisor": WORKSPACE / "core",
    **{f"polyvisor-{home.name}": home for home in sorted(WORKSPACE.glob("plugins/*")) if home.is_dir()},
}
PLUGINS = [name for name, home in HOMES.items() if home.parent.name == "plugins"]
UNITS = sorted((PACKAGING / "systemd").rglob("*.service"))
PROFILE = PACKAGING / "apparmor" / "usr.bin.polyvisor"


def program(path):
    """A program of the workspace that is no package, as a module."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


generate = program(PACKAGING / "generate.py")
manpages = program(WORKSPACE / "scripts" / "manpages.py")


def paragraphs():
    """debian/control: the fields of each binary package, by its name."""
    found = {}
    for text in (PACKAGING / "debian" / "control").read_text().split("\n\n")[1:]:
        fields = dict(re.findall(r"^(\S+):\s*((?:.|\n )*)", text, re.MULTILINE))
        found[fields["Package"]] = fields
    return found


CONTROL = paragraphs()
SPEC = (PACKAGING / "rpm" / "polyvisor.spec").read_text()


def names(field):
    """The packages that a field of debian/control lists."""
    return {alternative.split()[0] for alternative in field.split(",") if alternative.strip()}


# -- which packages there are ---------------------------------------------------------------------------------


@pytest.mark.parametrize("file", generate.files(), ids=lambda file: file.name)
def test_what_is_generated_is_what_the_table_says(file):
    assert file.read_text() == generate.files()[file], "run python packaging/generate.py"


def test_every_distribution_has_a_package_of_each_kind_and_the_command_one_of_its_own():
    assert CONTROL.keys() == {*HOMES, "polyvisor"}
    assert {*re.findall(r"^%package -n (\S+)", SPEC, re.MULTILINE), "polyvisor"} == CONTROL.keys()


def test_all_have_the_version_of_the_workspace():
    assert (PACKAGING / "debian" / "changelog").read_text().startswith(f"polyvisor ({VERSION}-")
    assert f"\nVersion: {VERSION}\n" in SPEC


def test_a_plugin_that_the_table_lacks_is_named(monkeypatch, tmp_path):
    (tmp_path / "plugins" / "acme").mkdir(parents=True)
    (tmp_path / "plugins" / "acme" / "pyproject.toml").touch()
    monkeypatch.setattr(generate, "WORKSPACE", tmp_path)
    with pytest.raises(SystemExit, match=r"lacks \[plugins.acme\]"):
        generate.plugins()


@pytest.mark.parametrize("package", [*HOMES, "polyvisor"])
def test_descriptions_are_as_short_as_debian_wants_them(package):
    synopsis, *lines = CONTROL[package]["Description"].rstrip().split("\n")
    assert len(synopsis) <= 80
    assert all(len(line) <= 80 for line in lines)


# -- what they ask for ----------------------------------------------------------------------------------------


def test_the_library_asks_for_what_its_distribution_asks_for():
    (runtime,) = re.findall(r"^RUNTIME = \((.+)\)$", (WORKSPACE / "core/hatch_build.py").read_text(), re.MULTILINE)
    wanted = re.findall(r'"(\w+)>=([\d.]+)"', runtime)
    assert len(wanted) == 3
    for name, oldest in wanted:
        assert f"python3-{name} (>= {oldest})" in CONTROL["python3-polyvisor"]["Depends"]
        assert f"\nRequires: python3-{name} >= {oldest}\n" in SPEC


@pytest.mark.parametrize("package", PLUGINS)
def test_a_plugin_asks_for_the_core_and_no_other_plugin_or_its_hypervisor(package):
    fields = CONTROL[package]
    project = tomllib.loads((HOMES[package] / "pyproject.toml").read_text())["project"]
    core, *libraries = project["dependencies"]
    assert core.startswith("polyvisor>=")
    assert not [name for name in libraries if name.startswith("polyvisor")]
    for library, oldest in (requirement.split(">=") for requirement in libraries):
        assert f"python3-{library} (>= {oldest})" in fields["Depends"]
        assert f"\nRequires: python3-{library} >= {oldest}\n" in SPEC.partition(f"%package -n {package}\n")[2]
    own = {f"python3-{library.split('>')[0]}" for library in libraries}
    assert names(fields["Depends"]) == {"python3-polyvisor", "${misc:Depends}", "${python3:Depends}", *own}
    others = [CONTROL[other] for other in PLUGINS if other != package]
    foreign = {name for other in others for name in names(other.get("Recommends", "")) - {"polyvisor"}}
    asked = names(fields.get("Recommends", "")) | names(fields.get("Suggests", ""))
    assert asked & ({*PLUGINS} | foreign) == set()


def test_what_hypervisors_need_is_asked_for_where_it_belongs():
    assert {"qemu-system-x86", "qemu-utils"} <= names(CONTROL["polyvisor-qemu"]["Recommends"])
    assert {"lxc", "uidmap"} <= names(CONTROL["polyvisor-lxc"]["Recommends"])
    assert "Recommends" not in CONTROL["polyvisor"]


@pytest.mark.parametrize("home", HOMES.values(), ids=lambda home: home.name)
def test_debians_own_hatchling_can_build_it(home):
    written = tomllib.loads((home / "pyproject.toml").read_text())
    assert written["build-system"]["requires"] == ["hatchling>=1.12"]
    assert "license-files" not in written["project"], "1.12 knows an older form of it only, and finds LICENSE anyway"
    minor = [line for line in written["project"]["classifiers"] if re.search(r"Python :: 3\.1[2-9]", line)]
    assert minor == [], "1.12 refuses classifiers that are younger; requires-python says it as well"


@pytest.mark.parametrize("name", ["schemas", "core", *(name.removeprefix("polyvisor-") for name in PLUGINS)])
def test_what_installing_it_brings_is_written_down(name):
    listed = (PACKAGING / "isolation" / f"{name}.txt").read_text().split()
    own = "polyvisor" if name == "core" else f"polyvisor-{name}"
    assert own in listed
    assert listed == sorted(listed)
    assert {other for other in listed if other in PLUGINS} <= {own}


# -- what they bring ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", MODULES)
def test_the_manual_has_every_command_with_its_options(name, manual):
    entry = manual.partition(f"\n.TP\n\\fB{name.replace('-', chr(92) + '-')}\\fR")[2].partition("\n.RE\n")[0]
    assert entry
    for param in polyvisor.get_command(None, name).params:
        option = param.opts[0].replace("-", "\\-")
        assert option in entry or option == "\\-\\-json"


@pytest.fixture(scope="module")
def manual():
    return manpages.command_page()


@pytest.mark.parametrize("page", ["command_page", "configuration_page"])
def test_the_manual_is_good_troff(page):
    if shutil.which("groff") is None:
        pytest.skip("groff is not installed")
    text = getattr(manpages, page)()
    said = subprocess.run(
        ("groff", "-man", "-Tutf8", "-Kutf8", "-ww", "-z"), input=text, capture_output=True, text=True, check=True
    )
    assert [
        line for line in said.stderr.splitlines() if "cannot adjust" not in line and "can't break" not in line
    ] == []


def commands_of_units():
    """Each command line of the services, without the program and systemd's prefixes."""
    for unit in UNITS:
        found = re.findall(r"^(Exec\w+)=[-@:+!]*/usr/bin/polyvisor (.+)$", unit.read_text(), re.MULTILINE)
        for kind, line in found:
            yield pytest.param(shlex.split(line), id=f"{unit.parent.name}-{kind}")


@pytest.mark.parametrize("words", list(commands_of_units()))
def test_services_call_commands_that_there_are(words):
    command = polyvisor.get_command(None, words[0])
    assert command is not None
    known = {option for param in command.params for option in param.opts}
    assert {word for word in words[1:] if word.startswith("--")} <= known


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.parent.name)
def test_nothing_that_ends_the_service_ends_guests_it_started(unit):
    settings = dict(re.findall(r"^(\w+)=(.*)$", unit.read_text(), re.MULTILINE))
    assert settings["KillMode"] == "process"
    assert settings["OOMPolicy"] == "continue"
    assert settings["ExecStart"].startswith("-")  # a failed oneshot would be stopped, without ExecStop
    (given,) = re.findall(r"--timeout (\d+)", settings["ExecStop"])
    assert int(settings["TimeoutStopSec"]) > int(given)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.parent.name)
def test_services_are_good_in_systemds_eyes(unit, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    copy = tmp_path / unit.name
    copy.write_text(unit.read_text().replace("/usr/bin/polyvisor", "/bin/true"))
    scope = "--user" if unit.parent.name == "user" else "--system"
    environment = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    command = ("systemd-analyze", scope, "verify", "--man=no", copy)
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert [line for line in done.stderr.splitlines() if unit.name in line] == []


def test_every_emulator_that_the_driver_starts_gets_the_guests_profile():
    arches = pytest.importorskip("polyvisor_qemu.arches", reason="the driver `qemu` is not installed")
    told = set(re.findall(r"^  /usr/bin/qemu-system-(\S+) Cx -> guest,$", PROFILE.read_text(), re.MULTILINE))
    assert told == {emulator for emulator, _ in arches.EMULATORS.values()}


def test_the_profile_is_good_in_apparmors_eyes():
    parser = shutil.which("apparmor_parser", path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    if parser is None:
        pytest.skip("apparmor_parser is not installed")
    done = subprocess.run((parser, "--skip-kernel-load", "--skip-cache", PROFILE), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_hosts_directories_are_made_private_and_purged():
    paths = Paths.system("acme")
    kept = {str(where.parent) for where in (paths.config, paths.state, paths.run, paths.log, paths.cache)}
    made = re.findall(r"^d (\S+)\s+(\S+) root root", (PACKAGING / "tmpfiles" / "polyvisor.conf").read_text(), re.M)
    assert dict(made) == dict.fromkeys(kept - {"/etc/polyvisor"}, "0700")
    purged = (PACKAGING / "debian" / "python3-polyvisor.postrm").read_text()
    assert kept <= set(purged.split())
    template = (PACKAGING / "debian" / "plugin.postrm.in").read_text()
    (roots,) = re.findall(r"for where in (.+); do", template)
    assert {f"{root}/polyvisor" for root in roots.split()} == kept


def purge(root, script, action):
    """Run a postrm whose directories are below ``root``."""
    text = re.sub(r"(?<=[ \"])/(?=etc|var|run)", f"{root}/", script)
    subprocess.run(("sh", "-s", action), input=text, text=True, check=True, capture_output=True)


def test_purging_a_driver_takes_its_own_and_leaves_the_others(tmp_path):
    for where in ("etc/polyvisor/acme", "etc/polyvisor/qemu", "var/lib/polyvisor/acme", "run/polyvisor/acme"):
        (tmp_path / where).mkdir(parents=True)
    script = (PACKAGING / "debian" / "plugin.postrm.in").read_text().replace("@DRIVER@", "acme")
    purge(tmp_path, script, "remove")
    assert (tmp_path / "etc/polyvisor/acme").exists()
    purge(tmp_path, script, "purge")
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("polyvisor/*"))
    assert left == ["etc/polyvisor/qemu"]
    assert not (tmp_path / "var/lib/polyvisor").exists()
