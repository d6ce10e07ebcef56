"""What goes away goes on working, and says so to whoever uses it."""

from __future__ import annotations

import re
import warnings
from pathlib import Path

import pytest

from polyvisor import plugins as plugins_module
from polyvisor import spi
from polyvisor.config import Configuration
from polyvisor.objects.connection import open_connection
from polyvisor.operations import deprecation
from polyvisor.operations.catalogue import every
from polyvisor.operations.contributions import CONTRIBUTIONS
from polyvisor.operations.declaration import HOOKS_VERSION
from polyvisor.operations.deprecation import DEPRECATIONS, Deprecation
from polyvisor.plugins import Plugins
from polyvisor.spi import Session, hookimpl

HOSTNAME = Deprecation("hostname", (1, 2), (2, 0), "host_info")
ACTIVE = Deprecation("list_domains.active", (1, 3), (2, 0), "states")


class Acme:
    name = "acme"
    hooks_version = (1, 0)

    @hookimpl
    def connect(self, uri, context):
        return Session(uri, context)

    @hookimpl
    def hostname(self, session):
        return "acme-host"

    @hookimpl
    def list_domains(self, session, *, active=None):
        return []


class Modest(Acme):
    hostname = None

    @hookimpl
    def list_domains(self, session):
        return []


@pytest.fixture
def deprecated(monkeypatch):
    def enter(*entries: Deprecation) -> None:
        monkeypatch.setattr(plugins_module, "DEPRECATIONS", entries)
        monkeypatch.setattr(deprecation, "DEPRECATIONS", entries)

    return enter


def registered(driver: object) -> tuple[Plugins, list[warnings.WarningMessage]]:
    plugins = Plugins(find=lambda group: [])
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        plugins.register_driver(driver)
    return plugins, heard


def test_a_deprecated_hook_works_and_warns_naming_the_driver_at_its_own_line(deprecated):
    deprecated(HOSTNAME)
    plugins, (warning,) = registered(Acme())
    assert warning.category is DeprecationWarning
    assert str(warning.message) == (
        "plugin acme implements hostname, which is deprecated since version 1.2 of the hooks and goes away with 2.0: "
        "use host_info"
    )
    assert warning.filename == __file__
    assert "def hostname" in "".join(Path(__file__).read_text().splitlines()[warning.lineno - 1 : warning.lineno + 1])
    with open_connection("acme:///", plugins=plugins, configuration=Configuration()) as connection:
        assert connection.hostname() == "acme-host"


def test_a_deprecated_option_warns_those_who_take_it_only(deprecated):
    deprecated(ACTIVE)
    _, heard = registered(Acme())
    assert [str(warning.message) for warning in heard] == [
        "plugin acme implements list_domains.active, which is deprecated since version 1.3 of the hooks and goes "
        "away with 2.0: use states"
    ]
    assert registered(Modest())[1] == []


def test_polyvisor_drivers_tells_it_too(deprecated):
    deprecated(HOSTNAME, ACTIVE)
    plugins, _ = registered(Acme())
    notes = plugins.verify(plugins.driver("acme"), every())
    assert len(notes) == 2 and all("acme implements" in note for note in notes)


def test_an_extension_is_warned_as_well(deprecated):
    deprecated(HOSTNAME)

    class Tracing:
        hooks_version = (1, 0)

        @hookimpl(wrapper=True)
        def hostname(self):
            return (yield)

    with pytest.warns(DeprecationWarning, match="plugin tracing implements hostname"):
        Plugins(find=lambda group: []).register_extension(Tracing(), "tracing")


def test_a_name_that_moved_is_found_and_the_importer_warned(deprecated):
    deprecated(Deprecation("polyvisor.spi.OldSession", (1, 1), (2, 0), "polyvisor.spi.Session"))
    with pytest.warns(DeprecationWarning, match=r"OldSession is deprecated.*use polyvisor\.spi\.Session") as heard:
        from polyvisor.spi import OldSession  # type: ignore[attr-defined]
    assert OldSession is Session
    assert heard[0].filename == __file__
    with pytest.raises(AttributeError, match="NeverThere"):
        spi.NeverThere  # noqa: B018  # the access is the test


def test_nothing_is_looked_at_while_nothing_is_deprecated(deprecated):
    deprecated()
    assert registered(Acme())[1] == []


# -- the registry itself ------------------------------------------------------------------------------------------


def faults(entry: Deprecation, now: tuple[int, int]) -> list[str]:
    """What is wrong with an entry of the registry in version ``now`` of the hooks."""
    found = []
    if entry.since > now:
        found.append(f"{entry.what} is deprecated since {entry.since}, which has not come yet")
    if entry.removed_in <= entry.since or entry.removed_in[0] == entry.since[0] or entry.removed_in[1]:
        found.append(f"{entry.what} goes away with {entry.removed_in}, which is no major version after {entry.since}")
    if now >= entry.removed_in:
        found.append(f"{entry.what} should be gone, and its entry too")
    hook, _, option = entry.what.partition(".")
    if re.match(r"polyvisor\.", entry.what) is None:
        operation = every().get(hook)
        if operation is None and hook not in CONTRIBUTIONS:
            found.append(f"there is no hook {hook}")
        elif operation is not None and option and option not in (*operation.arguments, *operation.options):
            found.append(f"{hook} has no option {option}")
    return found


def test_every_entry_names_what_is_there_and_goes_with_a_major_version():
    assert [fault for entry in DEPRECATIONS for fault in faults(entry, HOOKS_VERSION)] == []


@pytest.mark.parametrize(
    ("entry", "now"),
    [
        (Deprecation("hostname", (1, 2), (2, 0), "host_info"), (1, 1)),
        (Deprecation("hostname", (1, 2), (1, 5), "host_info"), (1, 2)),
        (Deprecation("hostname", (1, 2), (2, 1), "host_info"), (1, 2)),
        (Deprecation("hostname", (1, 2), (2, 0), "host_info"), (2, 0)),
        (Deprecation("hostnames", (1, 2), (2, 0), "host_info"), (1, 2)),
        (Deprecation("start.slowly", (1, 2), (2, 0), "nothing"), (1, 2)),
    ],
)
def test_a_wrong_entry_is_seen(entry, now):
    assert len(faults(entry, now)) == 1
