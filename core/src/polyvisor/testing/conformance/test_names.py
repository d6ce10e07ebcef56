"""Hostile names name guests like any other, or are refused whole."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from polyvisor.errors import (
    AlreadyExists,
    InvalidArgument,
    InvalidDocument,
    InvalidState,
    NoSuchDomain,
    UnsupportedConfiguration,
)
from polyvisor.operations.records import DomainState
from polyvisor.testing.bench import Bench
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain

NAMES = {
    "letters": "web",
    "unicode": "größe-数据-нода",
    "emoji": "🚀",
    "combining": "e\N{COMBINING ACUTE ACCENT}",
    "right to left": "שרת",
    "blanks": "two words",
    "quotes": "a'b\"c",
    "markup": "a<b>&c;",
    "entity": "&amp;",
    "dash": "--all",
    "dots": "..",
    "hidden": ".hidden",
    "percent": "100%25",
    "format": "{name}%s",
    "comma": "a,b=c",
    "dollar": "$(reboot)`id`",
    "semicolon": "a; rm -rf b",
    "backslash": "a\\b",
    "glob": "a*?[b]",
    "digits": "42",
    "uuid": "6695eb01-0000-0000-0000-97f2502e193f",
    "long": "n" * 200,
    "wide": "ж" * 100,
}
"""What names may look like: all of it is allowed by the grammar of documents."""

NO_NAMES = {"empty": "", "slash": "a/b", "newline": "a&#10;b", "blank": "&#9;", "nul": "a&#0;b"}
"""What the grammar does not allow, as XML text."""


def define(bench: Bench, name: str) -> Domain:
    """A guest of that name; where the target says that there cannot be one, see that it is refused, and skip."""
    if bench.target.takes_name(name):
        return bench.define(name)
    before = bench.connection.list_domains() if bench.has("domain.list") else []
    with pytest.raises((UnsupportedConfiguration, InvalidArgument)):
        bench.connection.define(bench.document(name))
    assert (bench.connection.list_domains() if bench.has("domain.list") else []) == before
    pytest.skip(f"the hypervisor cannot have a guest called {name!r}, and says so")


@needs("domain.xml", "domain.lookup", "domain.list")
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_any_name_names_a_domain(bench: Bench, connection: Connection, name: str) -> None:
    domain = define(bench, name)
    assert domain.name == connection.domain(name).name == name
    assert [row.ref.uuid for row in connection.list_domains() if row.name == name] == [domain.uuid]
    found: Any = domain.config()
    assert found.name == name
    assert bench.read(domain.xml()).name == name
    domain.undefine()
    with pytest.raises(NoSuchDomain):
        connection.domain(name)


@needs("domain.state", "domain.destroy")
@pytest.mark.parametrize("name", NAMES.values(), ids=NAMES)
def test_any_name_runs(bench: Bench, name: str) -> None:
    domain = bench.start(define(bench, name))
    assert domain.state().state is DomainState.RUNNING
    domain.destroy()
    assert domain.state().state is DomainState.SHUT_OFF


@needs("domain.define", "domain.list")
@pytest.mark.parametrize("text", NO_NAMES.values(), ids=NO_NAMES)
def test_what_is_no_name_is_refused(bench: Bench, connection: Connection, text: str) -> None:
    before = connection.list_domains()
    with pytest.raises(InvalidDocument):
        connection.define(bench.document("placeholder").replace("placeholder", text))
    assert connection.list_domains() == before


@needs("domain.lookup", "domain.list")
def test_names_that_differ_little_are_different(bench: Bench, connection: Connection) -> None:
    bench.require((bench.target.max_guests or 3) >= 3, "the hypervisor has no room for three guests")
    names = ("Conformance", "conformance", "conformance ")
    bench.require(all(map(bench.target.takes_name, names)), "the hypervisor does not tell such names apart")
    guests = [bench.define(name) for name in names]
    assert [connection.domain(name).uuid for name in names] == [guest.uuid for guest in guests]


@needs("domain.rename", "domain.xml", "domain.lookup")
@pytest.mark.parametrize("name", ["letters", "unicode", "blanks", "dash", "percent"])
def test_renaming(bench: Bench, connection: Connection, defined: Domain, name: str) -> None:
    old, new = defined.name, NAMES[name]
    bench.require(bench.target.takes_name(new), "the hypervisor cannot have such a name")
    assert defined.rename(new).name == new
    assert connection.domain(new) == defined
    found: Any = defined.config()
    assert found.name == new
    with pytest.raises(NoSuchDomain):
        connection.domain(old)


@needs("domain.rename", "domain.lookup")
def test_a_renamed_guest_lives(bench: Bench, defined: Domain) -> None:
    defined.rename(f"{defined.name}-renamed")
    assert bench.start(defined).is_active
    defined.destroy()


@needs("domain.rename", "domain.lookup", "domain.list")
def test_a_name_that_is_taken_is_not_given_twice(bench: Bench, connection: Connection, defined: Domain) -> None:
    other = bench.define()
    before = connection.list_domains()
    with pytest.raises(AlreadyExists):
        defined.rename(other.name)
    assert connection.list_domains() == before


@needs("domain.rename", "domain.lookup")
def test_a_running_guest_keeps_its_name(connection: Connection, running: Domain) -> None:
    old = running.name
    with pytest.raises(InvalidState):
        running.rename(f"{old}-renamed")
    assert connection.domain(old) == running


@needs("domain.rename")
def test_nobody_is_renamed(defined: Domain) -> None:
    defined.undefine()
    with pytest.raises(NoSuchDomain):
        defined.rename("late")


@needs("domain.rename", "domain.list")
@pytest.mark.parametrize("name", ["", "a/b", "a\nb"])
def test_what_is_no_name_is_not_given(connection: Connection, defined: Domain, name: str) -> None:
    before = connection.list_domains()
    with pytest.raises((InvalidArgument, InvalidDocument)):
        defined.rename(name)
    assert connection.list_domains() == before


@needs("domain.rename", "domain.xml")
def test_a_rename_keeps_everything_else(bench: Bench, defined: Domain) -> None:
    before = defined.xml()
    old = defined.name
    defined.rename(f"{old}-renamed").rename(old)
    assert defined.xml() == before
