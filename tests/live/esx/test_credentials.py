"""A password gets to the server, whichever way it is known, and nowhere else."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from simulator import Simulator
from trouble import Trouble

import polyvisor
from polyvisor.errors import ConnectFailed, InvalidURI, PolyvisorError

pytestmark = pytest.mark.live

WAYS = ("environment", "file", "keyring", "callback")


@pytest.fixture(scope="module")
def server(start_simulator: Callable[[str], Simulator]) -> Simulator:
    return start_simulator("esx")


@pytest.fixture(params=WAYS)
def options(
    request: pytest.FixtureRequest, server: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> dict[str, Any]:
    """What ``polyvisor.open`` is given where the password is known in that way alone."""
    for name in ("POLYVISOR_ESX_PASSWORD", "POLYVISOR_ESX_USER"):
        monkeypatch.delenv(name, raising=False)
    file = tmp_path / "auth.conf"
    monkeypatch.setenv("POLYVISOR_AUTH_FILE", str(file))
    monkeypatch.setitem(sys.modules, "keyring", None)
    if request.param == "environment":
        monkeypatch.setenv("POLYVISOR_ESX_PASSWORD", server.password)
    elif request.param == "file":
        file.touch(0o600)
        file.write_text(
            f"[credentials-lab]\nusername={server.user}\npassword={server.password}\n"
            "[auth-esx-localhost]\ncredentials=lab\n"
        )
    elif request.param == "keyring":
        package, errors = ModuleType("keyring"), ModuleType("keyring.errors")
        errors.KeyringError = type("KeyringError", (Exception,), {})  # type: ignore[attr-defined]
        known = {("polyvisor:localhost", server.user): server.password}
        package.get_password = lambda service, user: known.get((service, user))  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "keyring", package)
        monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    else:
        return {"credentials": server.credentials}
    return {}


def test_a_password_is_in_no_log_and_no_error(
    options: dict[str, Any], server: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    trouble, shown = Trouble(server), []
    try:
        with polyvisor.open(trouble.uri, **options) as connection:
            ours: Any = connection._invoker.session
            assert connection.list_domains()
            ours.content.sessionManager.Logout()  # the next call logs in again
            assert connection.list_domains()
            trouble.make = lambda name: "drop"
            with pytest.raises(PolyvisorError) as failure:
                connection.list_domains()
            trouble.make = lambda name: ""
            shown += [repr(connection), str(connection.uri), str(failure.value), repr(failure.value.__dict__)]
            shown += [repr(ours.__dict__), repr(ours.transport.__dict__)]
    finally:
        trouble.stop()
    assert trouble.calls.count("Login") == 2
    assert caplog.records, "something was logged that could have held it"
    assert server.password not in caplog.text
    assert not [text for text in shown if server.password in text]


def test_without_a_password_the_ways_are_named(
    server: Simulator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("POLYVISOR_ESX_PASSWORD", raising=False)
    monkeypatch.setenv("POLYVISOR_AUTH_FILE", str(tmp_path / "none"))
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(ConnectFailed, match="nobody knows the password") as refusal:
        polyvisor.open(server.uri())
    for way in ("POLYVISOR_ESX_PASSWORD", "auth.conf", "credentials="):
        assert way in str(refusal.value)


def test_a_password_in_the_uri_is_refused_and_not_shown(server: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(InvalidURI) as refusal:
        polyvisor.open(server.uri().replace(f"{server.user}@", f"{server.user}:open-sesame@"))
    assert "open-sesame" not in str(refusal.value) + caplog.text
