"""What plugins may rely on is written down, and no change of it goes by unnoticed."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import pytest

from polyvisor.operations.catalogue import every
from polyvisor.operations.declaration import HOOKS_VERSION

WORKSPACE = Path(__file__).parents[3]
SCRIPT = WORKSPACE / "scripts" / "driver_interface.py"


@pytest.fixture(scope="module")
def interface() -> ModuleType:
    spec = importlib.util.spec_from_file_location("driver_interface", SCRIPT)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def now(interface) -> dict[str, str]:
    return interface.surface()


# -- this core ----------------------------------------------------------------------------------------------------


def test_what_plugins_may_rely_on_is_as_recorded(interface, now):
    version, recorded = interface.load(WORKSPACE / interface.RECORDED)
    found = [str(change) for change in interface.changes(recorded, now)]
    assert not found, (
        "what plugins may rely on has changed:\n  "
        + "\n  ".join(found)
        + "\nscripts/driver_interface.py records additions; breaks only with --breaking (see docs/stability.md)"
    )
    assert version == HOOKS_VERSION


def test_the_version_of_the_hooks_allows_what_has_changed_since_the_last_release(interface, now):
    assert interface.verdict(now, WORKSPACE) == []


def test_the_page_is_current(interface, now):
    assert (WORKSPACE / interface.PAGE).read_text() == interface.page(now), "run scripts/driver_interface.py"


def test_the_surface_is_whole(interface, now):
    from polyvisor import errors, spi, state

    assert {f"polyvisor.spi.{name}" for name in spi.__all__} <= now.keys()
    assert {f"polyvisor.state.{name}" for name in state.__all__} <= now.keys()
    assert {f"operation {name}" for name in every()} <= now.keys()
    assert {f"polyvisor.errors.{cls.__name__}" for cls in errors.CODES.values()} <= now.keys()
    for key, said in {
        "operation start(paused)": "keyword: bool = False",
        "operation start raises InvalidState": "declared",
        "operation start returns": "DomainRef",
        "contribution check_domain(config)": "argument 1: Domain",
        "polyvisor.spi.DomainRow": "the same as polyvisor.operations.records.DomainRow",
        "polyvisor.operations.records.DomainRow.memory_kib": "int | None = None",
        "polyvisor.operations.records.DomainState.PAUSED": "'paused'",
        "polyvisor.operations.session.Session.settings": "attribute",
        "polyvisor.errors.NoSuchDomain": "error (NotFound), code no-such-domain",
        "polyvisor.operations.statistics.StatsGroup.CPU": "'cpu'",
        "polyvisor.operations.domainjobs.DomainJob": "record",
        "polyvisor.model.snapshot.restore": "function",
        "polyvisor.model.domain.devices.disk.Disk.serial": "value: str | None =",
    }.items():
        assert now.get(key) == said, key
    assert not any(part.startswith("_") for key in now for part in key.replace("(", ".").split("."))


# -- the judge is itself on trial -----------------------------------------------------------------------------------

BEFORE = {
    "operation start": "capability domain.start, permission domain:start, changes",
    "operation start(domain)": "argument 1: DomainRef",
    "operation start(paused)": "keyword: bool = False",
    "operation start raises InvalidState": "declared",
    "polyvisor.spi.DomainRow": "record",
    "polyvisor.spi.DomainRow.name": "str",
    "polyvisor.spi.DomainRow.title": "str | None = None",
    "polyvisor.spi.Column": "enumeration (StrEnum)",
    "polyvisor.spi.Column.TITLE": "'title'",
    "polyvisor.operations.consoles.Stream": "protocol",
    "polyvisor.operations.consoles.Stream.read": "method",
    "polyvisor.operations.consoles.Stream.read(size)": "argument 1: int = 65536",
    "polyvisor.spi.lifecycle": "function",
    "polyvisor.spi.lifecycle(domain)": "argument 0: DomainRef",
    "polyvisor.model.disk.Disk": "element <disk>",
    "polyvisor.model.disk.Disk.serial": "value: str | None =",
}

ADDITIONS = {
    "an operation": {"operation leap": "capability domain.leap", "operation leap(domain)": "argument 1: DomainRef"},
    "an option of an operation": {"operation start(gently)": "keyword: bool = False"},
    "an error of an operation": {"operation start raises Busy": "declared"},
    "a field with a default": {"polyvisor.spi.DomainRow.colour": "str = ''"},
    "a property of a record": {"polyvisor.spi.DomainRow.shown": "property: str"},
    "a member of an enumeration": {"polyvisor.spi.Column.COLOUR": "'colour'"},
    "a name": {"polyvisor.spi.gauge": "function", "polyvisor.spi.gauge(size)": "argument 0: int"},
    "a parameter with a default": {"polyvisor.spi.lifecycle(when)": "keyword: float = 0.0"},
    "an optional element": {"polyvisor.model.disk.Disk.colour": "attribute: str | None ="},
    "a default where there was none": {"polyvisor.spi.DomainRow.name": "str = ''"},
    "a deprecation": {"deprecated start.paused": "is deprecated since ..."},
}

BREAKS = {
    "an argument that drivers do not know": {"operation start(how)": "argument 2: str"},
    "a field that drivers do not fill": {"polyvisor.spi.DomainRow.colour": "str"},
    "a parameter that callers do not give": {"polyvisor.spi.lifecycle(why)": "argument 1: str"},
    "a method that drivers' streams do not have": {"polyvisor.operations.consoles.Stream.seek": "method"},
    "an element that documents must have": {"polyvisor.model.disk.Disk.colour": "attribute: str"},
    "another type": {"polyvisor.spi.DomainRow.title": "bytes | None = None"},
    "another default": {"operation start(paused)": "keyword: bool = True"},
    "another value": {"polyvisor.spi.Column.TITLE": "'name'"},
}


@pytest.mark.parametrize("what", ADDITIONS)
def test_an_addition_takes_a_minor_version(interface, what):
    (change,) = interface.changes(BEFORE, BEFORE | ADDITIONS[what])
    assert str(change).startswith("addition (minor): ")
    assert next(iter(ADDITIONS[what])) in change.text
    assert interface.needed([change], (1, 4)) == (1, 5)


@pytest.mark.parametrize("what", BREAKS)
def test_a_break_takes_a_major_version(interface, what):
    (change,) = interface.changes(BEFORE, BEFORE | BREAKS[what])
    assert str(change).startswith("break (major): ")
    assert next(iter(BREAKS[what])) in change.text
    assert interface.needed([change], (1, 4)) == (2, 0)


@pytest.mark.parametrize("key", BEFORE)
def test_whatever_is_taken_away_breaks_and_is_named_once(interface, key):
    after = {other: said for other, said in BEFORE.items() if not other.startswith(key)}
    (change,) = interface.changes(BEFORE, after)
    assert (change.breaks, change.text) == (True, f"{key} is gone")


def test_no_change_takes_no_version(interface):
    assert interface.changes(BEFORE, dict(BEFORE)) == []
    assert interface.needed([], (1, 4)) == (1, 4)


# -- against what was released ----------------------------------------------------------------------------------------


@pytest.fixture
def released(interface, tmp_path):
    """A checkout whose last released version of the hooks is 1.4, with ``BEFORE`` in it, and deprecations."""

    def record(**deprecated: str) -> Path:
        path = tmp_path / interface.RELEASED
        path.parent.mkdir(parents=True, exist_ok=True)
        table = BEFORE | {f"deprecated {what.replace('__', '.')}": said for what, said in deprecated.items()}
        path.write_text(interface.compose((1, 4), table))
        return tmp_path

    return record


def test_an_addition_to_a_released_version_is_refused_until_the_minor_number_grows(interface, released):
    root, after = released(), BEFORE | ADDITIONS["an operation"]
    told = "\n".join(interface.verdict(after, root, (1, 4)))
    assert "addition (minor): operation leap is new" in told and "HOOKS_VERSION = (1, 5)" in told
    assert interface.verdict(after, root, (1, 5)) == []


def test_a_break_is_refused_until_the_major_number_grows(interface, released):
    root, after = released(), BEFORE | BREAKS["another default"]
    for version in ((1, 4), (1, 5)):
        told = "\n".join(interface.verdict(after, root, version))
        assert "break (major): operation start(paused) was" in told and "HOOKS_VERSION = (2, 0)" in told
    assert interface.verdict(after, root, (2, 0)) == []


def test_what_goes_with_a_major_version_was_deprecated_in_the_one_before(interface, released):
    after = {key: said for key, said in BEFORE.items() if key != "operation start(paused)"}
    (told,) = interface.verdict(after, released(), (2, 0))
    assert told == "operation start(paused) is gone, but was never deprecated in (1, 4)"
    assert interface.verdict(after, released(start__paused="is deprecated"), (2, 0)) == []


def test_recording_refuses_breaks_unless_they_are_meant(interface, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(interface, "ROOT", tmp_path)
    monkeypatch.setattr(interface, "surface", lambda: dict(BEFORE))
    assert interface.main(["--check"]) == 1
    assert interface.main([]) == 0 and interface.main(["--check"]) == 0
    recorded = tmp_path / interface.RECORDED
    before = recorded.read_text()
    monkeypatch.setattr(interface, "surface", lambda: BEFORE | BREAKS["another default"])
    capsys.readouterr()
    assert interface.main([]) == 1
    assert "break (major): operation start(paused)" in capsys.readouterr().out
    assert recorded.read_text() == before
    assert interface.main(["--breaking"]) == 0
    assert json.loads(recorded.read_text())["surface"]["operation start(paused)"] == "keyword: bool = True"
    assert interface.main(["--release"]) == 0
    assert (tmp_path / interface.RELEASED).read_text() == recorded.read_text()


# -- who borrows what -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    [
        "from polyvisor.spi import DomainRef, hookimpl",
        "from polyvisor.operations.statistics import StatsGroup",
        "from polyvisor.model.domain import Domain",
        "from polyvisor import errors, spi",
        "from polyvisor.model import capabilities",
        "import polyvisor.errors",
        "import json\nfrom os import path",
    ],
)
def test_public_names_may_be_borrowed(interface, now, line):
    assert interface.borrowed(line, now) == []


@pytest.mark.parametrize(
    "line",
    [
        "from polyvisor.services import audit",
        "from polyvisor.plugins import Plugins",
        "import polyvisor.objects.domain",
        "from polyvisor.spi import _SUBJECTS",
        "from polyvisor.state.records import Records",
        "from polyvisor.spi import *",
        "def late():\n    from polyvisor.services.jobs import Job",
    ],
)
def test_other_names_are_told_with_their_line(interface, now, line):
    (told,) = interface.borrowed(line, now)
    assert told.startswith("line ") and "polyvisor." in told


def test_the_tutorials_driver_borrows_public_names_only(interface, now):
    source = WORKSPACE / "docs" / "tutorial" / "acme" / "src" / "polyvisor_acme" / "__init__.py"
    assert interface.borrowed(source.read_text(), now) == []


SOURCES = {
    package.name: sorted(package.rglob("*.py"))
    for pattern in ("plugins/*/src/polyvisor_*", "examples/*/src/*")
    for package in sorted(WORKSPACE.glob(pattern))
}


@pytest.mark.parametrize("package", SOURCES)
def test_what_stands_beside_the_core_borrows_public_names_only(interface, now, package):
    told = {source.name: interface.borrowed(source.read_text(), now) for source in SOURCES[package]}
    assert {name: lines for name, lines in told.items() if lines} == {}
