"""How the suite learns what it asks, and what it asks with."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from asking import ask

from polyvisor.errors import InvalidArgument
from polyvisor.model import parse
from polyvisor.operations.catalogue import every
from polyvisor.plugins import Plugins
from polyvisor.testing.bench import Bench
from polyvisor.testing.documents import default_document, fitted
from polyvisor.testing.needs import needs, parse_need
from polyvisor.testing.target import Target, find_target
from polyvisor_test.driver import TestDriver


@pytest.fixture
def made_for_tests(tmp_path, monkeypatch):
    (tmp_path / "made_for_tests.py").write_text(
        "from polyvisor.testing import Target\n"
        "def make(scratch):\n    return Target(f'made:///{scratch.name}', shared=False)\n"
        "target = Target('made:///constant')\n"
        "nonsense = 42\n"
        "def wrong(scratch):\n    return 'made:///'\n"
    )
    monkeypatch.syspath_prepend(tmp_path)


# -- where a target comes from -----------------------------------------------------------------------------------------


def test_the_scheme_of_a_uri_finds_the_entry_point(tmp_path):
    from polyvisor_test.conformance import target

    assert find_target("test:///default", None, tmp_path) == target


def test_a_uri_takes_the_place_of_the_targets(tmp_path):
    found = find_target("test:///other", None, tmp_path)
    assert found.uri == "test:///other" and found.agent


def test_a_scheme_without_an_entry_point_has_the_defaults(tmp_path):
    assert find_target("acme:///", None, tmp_path) == Target("acme:///")


@pytest.mark.parametrize(("name", "uri"), [("target", "made:///constant"), ("make", "made:///scratch")])
def test_a_name_finds_a_target_or_what_makes_one(made_for_tests, tmp_path, name, uri):
    assert find_target(None, f"made_for_tests:{name}", tmp_path / "scratch").uri == uri


@pytest.mark.parametrize(
    "name", ["made_for_tests", "made_for_tests:nobody", "no_such_module:target", "made_for_tests:wrong"]
)
def test_what_names_no_target_is_refused(made_for_tests, tmp_path, name):
    with pytest.raises(InvalidArgument) as refusal:
        find_target(None, name, tmp_path)
    assert name.partition(":")[0] in str(refusal.value)


def test_somebody_has_to_say_whom_to_ask(tmp_path):
    with pytest.raises(InvalidArgument, match="--polyvisor-uri"):
        find_target(None, None, tmp_path)


def suite(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True)


def test_the_suite_does_not_run_without_a_target(tmp_path):
    done = suite("--pyargs", "polyvisor.testing.conformance.test_connection", cwd=tmp_path)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert "--polyvisor-uri" in done.stdout + done.stderr


def test_a_conftest_may_say_whom_to_ask(tmp_path):
    (tmp_path / "conftest.py").write_text(
        "from polyvisor.testing import Target\n"
        "def pytest_polyvisor_target(scratch):\n    return Target('test:///default', shared=False)\n"
    )
    done = suite("--pyargs", "polyvisor.testing.conformance.test_connection", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "conformance of the test driver" in done.stdout


def test_tests_of_a_project_may_use_what_the_suite_has(tmp_path):
    (tmp_path / "test_own.py").write_text(
        "from polyvisor.testing.needs import needs\n"
        "@needs('domain.start')\n"
        "def test_it_starts(running):\n    assert running.is_active\n"
    )
    done = suite("test_own.py", "--polyvisor-uri", "test:///default", cwd=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "1 passed" in done.stdout


# -- what it costs and what it asks with -------------------------------------------------------------------------------


def test_the_plugin_brings_nothing_until_it_is_asked_for(tmp_path):
    (tmp_path / "test_nothing.py").write_text(
        "import sys\n"
        "def test_nothing(request):\n"
        "    brought = {name for name in sys.modules if name.startswith('polyvisor')}\n"
        "    assert brought <= {'polyvisor', 'polyvisor.testing', 'polyvisor.testing.plugin'}, brought\n"
        "    assert 'lxml' not in sys.modules and 'pluggy' in sys.modules\n"
    )
    done = suite("test_nothing.py", cwd=tmp_path)
    assert done.returncode == 0, done.stdout


def test_the_library_does_not_bring_its_tests():
    code = "import sys, polyvisor; polyvisor.open; assert not {'pytest', 'polyvisor.testing'} & {*sys.modules}"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("typo", ["domain.strat", "start(pause)", "Domain.start", "start(", "", "start(paused"])
def test_a_typo_in_what_a_test_needs_is_no_reason_to_skip_it(typo):
    with pytest.raises(ValueError, match="a test needs"):
        needs(typo)


def test_needs_are_capabilities_operations_and_options():
    assert [str(need) for need in parse_need("start(paused, autodestroy)")] == ["domain.start with paused, autodestroy"]
    assert parse_need("domain.start")[0].operation is parse_need("start")[0].operation
    assert all(parse_need(operation.name) and parse_need(operation.capability) for operation in every().values())


class WithoutPausing(TestDriver):
    """Starts guests, and neither pauses them nor starts them paused."""

    suspend = None

    def start(self, session, domain):
        return super().start(session, domain, False, False, False)

    start.polyvisor_impl = TestDriver.start.polyvisor_impl


def test_a_test_whose_needs_are_not_met_is_unsupported():
    from polyvisor_test.conformance import target

    tests = ["test_a_guest_may_begin_paused", "test_a_guest_is_paused_as_often_as_one_likes"]
    outcomes = ask(WithoutPausing(), target, [f"test_lifecycle.py::{test}" for test in tests])
    assert set(outcomes.found.values()) == {"skipped"}


def bench(tmp_path, **fields):
    return Bench(Target("test:///default", shared=False, **fields), Plugins(), tmp_path)


def test_a_driver_that_says_nothing_gets_a_document_of_its_kind(tmp_path):
    asked = bench(tmp_path)
    config = parse("domain", asked.document())
    assert (config.type, config.os.type.arch) == ("test", "i686")
    asked.define().undefine()
    asked.clear(asked.present())


def test_a_document_is_fitted_to_each_guest(tmp_path):
    asked = bench(tmp_path, document="<domain type='test'><name>a</name><uuid>x</uuid><memory>1</memory></domain>")
    first, second = parse("domain", asked.document()), parse("domain", asked.document("<&>", uuid=None))
    assert first.name != second.name == "<&>"
    assert first.uuid != second.uuid


def test_what_is_added_takes_the_place_of_what_was_there():
    pattern = "<domain><name>a</name><memory>1</memory><devices><disk/></devices></domain>"
    text = fitted(pattern, "b", "u", extra="<memory>2</memory><title>t</title>", devices="<disk/><serial/>")
    assert text.count("<memory>") == 1 and "<memory>2</memory>" in text and "<title>t</title>" in text
    assert text.count("<disk/>") == 2 and text.count("<serial/>") == 1


def test_a_function_makes_the_document_of_each_guest(tmp_path):
    def document(name, uuid):
        return f"<domain type='test'><name>{name}</name><title>{uuid}</title></domain>"

    asked = bench(tmp_path, document=document)
    found = asked.document("n", uuid="01234567-89ab-cdef-0123-456789abcdef")
    assert "<title>01234567-89ab-cdef-0123-456789abcdef</title>" in found


def test_the_default_document_is_one_that_the_hypervisor_runs(tmp_path):
    asked = bench(tmp_path)
    domain = asked.connection.define(
        fitted(default_document(asked.connection), "n", "", extra="").replace("<uuid/>", "")
    )
    assert domain.start().is_active
    asked.clear(set())
