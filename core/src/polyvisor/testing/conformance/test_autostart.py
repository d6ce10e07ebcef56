"""Guests that start with their host: that they shall is remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from polyvisor.errors import InvalidState, NoSuchDomain
from polyvisor.testing.bench import Bench
from polyvisor.testing.needs import needs

if TYPE_CHECKING:
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.domain import Domain

ALWAYS = needs("domain.autostart", "domain.autostart.set")
ONCE = needs("domain.autostart-once", "domain.autostart-once.set")
KINDS = [
    pytest.param("autostart", marks=ALWAYS, id="always"),
    pytest.param("autostart_once", marks=ONCE, id="once"),
]


def get(domain: Domain, kind: str) -> bool:
    """Whether the guest starts with its host."""
    found: bool = getattr(domain, kind)()
    return found


def put(domain: Domain, kind: str, enabled: bool) -> None:
    """Have the guest start with its host, or no longer."""
    getattr(domain, f"set_{kind}")(enabled)


@pytest.mark.parametrize("kind", KINDS)
def test_a_guest_does_not_start_unless_it_was_told(defined: Domain, kind: str) -> None:
    assert get(defined, kind) is False


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_remembered_and_forgotten(defined: Domain, kind: str) -> None:
    for enabled in (True, True, False, False, True):
        put(defined, kind, enabled)
        assert get(defined, kind) is enabled


@pytest.mark.parametrize("kind", KINDS)
def test_it_survives_a_life(bench: Bench, defined: Domain, kind: str) -> None:
    put(defined, kind, True)
    bench.start(defined)
    assert get(defined, kind) is True
    defined.destroy()
    assert get(defined, kind) is True


@pytest.mark.parametrize("kind", KINDS)
def test_it_may_be_changed_while_the_guest_runs(running: Domain, kind: str) -> None:
    put(running, kind, True)
    assert get(running, kind) is True
    assert running.is_active


@pytest.mark.parametrize("kind", KINDS)
def test_it_survives_a_redefinition(bench: Bench, connection: Connection, defined: Domain, kind: str) -> None:
    put(defined, kind, True)
    connection.define(bench.document(defined.name, uuid=defined.uuid, extra="<title>new</title>"))
    assert get(defined, kind) is True


@pytest.mark.parametrize("kind", KINDS)
def test_it_goes_with_the_domain(bench: Bench, connection: Connection, defined: Domain, kind: str) -> None:
    put(defined, kind, True)
    defined.undefine()
    again = connection.define(bench.document(defined.name, uuid=defined.uuid))
    assert get(again, kind) is False


@pytest.mark.parametrize("kind", KINDS)
def test_it_is_the_guests_own(bench: Bench, kind: str) -> None:
    bench.require((bench.target.max_guests or 2) >= 2, "the hypervisor has no room for two guests")
    first, second = bench.define(), bench.define()
    put(first, kind, True)
    assert get(second, kind) is False


@pytest.mark.parametrize("kind", KINDS)
def test_nobody_starts_with_the_host(defined: Domain, kind: str) -> None:
    defined.undefine()
    with pytest.raises(NoSuchDomain):
        get(defined, kind)
    with pytest.raises(NoSuchDomain):
        put(defined, kind, True)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_not_stored_does_not_start_with_the_host(bench: Bench, connection: Connection, kind: str) -> None:
    bench.need("domain.create-transient", "domain.destroy")
    brief = connection.create(bench.document())
    with pytest.raises(InvalidState):
        put(brief, kind, True)
    assert get(brief, kind) is False


@pytest.mark.parametrize("kind", KINDS)
def test_others_see_it(second_connection: Connection, defined: Domain, kind: str) -> None:
    put(defined, kind, True)
    assert get(second_connection.domain(uuid=defined.uuid), kind) is True


@needs("domain.autostart.set", "domain.info")
def test_it_is_among_the_facts(defined: Domain) -> None:
    defined.set_autostart(True)
    assert defined.info().autostart is True


@needs("domain.autostart", "domain.autostart.set", "domain.rename")
def test_it_follows_a_rename(defined: Domain) -> None:
    defined.set_autostart(True)
    defined.rename(f"{defined.name}-renamed")
    assert defined.autostart() is True
