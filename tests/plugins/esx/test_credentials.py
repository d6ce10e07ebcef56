"""Who logs in: environment, file, callback; and what is said to nobody."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import pytest

from polyvisor.errors import ConfigurationError, ConnectFailed
from polyvisor_esx import credentials
from polyvisor_esx.authfile import AuthFile

FILE = """
# who may where
[credentials-lab]
username = lab
password = half=known

[credentials-rest]
username=root
password=other

[auth-esx-host.example]
credentials=lab

[auth-vpx-default]
credentials=rest
"""


@pytest.fixture(autouse=True)
def no_keyring(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)


@pytest.fixture
def known(tmp_path: Path) -> Mapping[str, str]:
    """An environment with a file of credentials."""
    path = tmp_path / "polyvisor" / "auth.conf"
    path.parent.mkdir()
    path.touch(0o600)
    path.write_text(FILE)
    return {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}


def test_a_file_has_groups() -> None:
    found = AuthFile.parse(FILE)
    assert found.lookup("esx", "host.example", "username") == "lab"
    assert found.lookup("esx", "host.example", "password") == "half=known"
    assert found.lookup("esx", "host.example", "realm") is None
    assert found.lookup("esx", "other.example", "username") is None
    assert found.lookup("vpx", "anywhere", "username") == "root"


@pytest.mark.parametrize(
    "text, words",
    [
        ("username=root", "line 1"),
        ("[credentials-a]\nnonsense with secret", "line 2: neither"),
        ("[auth-esx-h]\nuser=a", "has no credentials="),
        ("[auth-esx-h]\ncredentials=gone", "'gone', which are not there"),
    ],
)
def test_a_broken_file_says_where_and_shows_no_line(text: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words) as refusal:
        AuthFile.parse(text).lookup("esx", "h", "username")
    assert "secret" not in str(refusal.value)


def test_the_environment_comes_first(known: Mapping[str, str]) -> None:
    given = {**known, "POLYVISOR_ESX_USER": "me", "POLYVISOR_ESX_PASSWORD": "mine"}
    found = credentials.find("esx", "host.example", None, None, environment=given)
    assert (found.user, found.password) == ("me", "mine")
    assert credentials.find("esx", "h", "named", None, environment=given).user == "named"


def test_then_the_file(known: Mapping[str, str]) -> None:
    found = credentials.find("esx", "host.example", None, None, environment=known)
    assert (found.user, found.password) == ("lab", "half=known")
    assert credentials.find("vpx", "center", "root", None, environment=known).password == "other"


def test_a_password_in_the_file_is_its_users_only(known: Mapping[str, str]) -> None:
    with pytest.raises(ConnectFailed, match="nobody knows"):
        credentials.find("esx", "host.example", "somebody", None, environment=known | {"LIBVIRT_AUTH_FILE": ""})


@pytest.mark.skipif(os.name != "posix", reason="modes of files are POSIX's")
def test_a_file_that_others_may_read_is_refused(known: Mapping[str, str]) -> None:
    (Path(known["XDG_CONFIG_HOME"]) / "polyvisor" / "auth.conf").chmod(0o644)
    with pytest.raises(ConnectFailed, match="others may read it"):
        credentials.find("esx", "host.example", None, None, environment=known)


def test_at_last_somebody_is_asked(tmp_path: Path) -> None:
    asked: list[tuple[str, ...]] = []

    def ask(names: tuple[str, ...], prompt: str) -> dict[str, str]:
        asked.append(names)
        return {"username": "told", "password": "secret"}

    nothing = {"XDG_CONFIG_HOME": str(tmp_path)}
    assert credentials.find("esx", "new.example", None, ask, environment=nothing).user == "told"
    assert credentials.find("esx", "new.example", "root", ask, environment=nothing).user == "root"
    assert asked == [("username", "password"), ("password",)]


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(credentials.Credentials("root", "secret"))


# -- the system's keyring -------------------------------------------------------------------------------------------


class KeyringError(Exception):
    """Of the package keyring."""


@pytest.fixture
def keyring(monkeypatch: pytest.MonkeyPatch) -> dict[tuple[str, str], str]:
    """A keyring, as the package of that name shows it."""
    kept: dict[tuple[str, str], str] = {}
    package, errors = ModuleType("keyring"), ModuleType("keyring.errors")

    def get_password(service: str, user: str) -> str | None:
        if service.endswith(":locked.example"):
            raise KeyringError("the collection is locked")
        return kept.get((service, user))

    package.get_password = get_password  # type: ignore[attr-defined]
    errors.KeyringError = KeyringError  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "keyring", package)
    monkeypatch.setitem(sys.modules, "keyring.errors", errors)
    return kept


def test_the_keyring_knows_users_of_hosts(keyring: dict[tuple[str, str], str]) -> None:
    keyring["polyvisor:host.example", "root"] = "kept"
    assert credentials.find("esx", "host.example", None, None, environment={}) == credentials.Credentials(
        "root", "kept"
    )
    with pytest.raises(ConnectFailed, match="nobody knows"):
        credentials.find("esx", "host.example", "somebody", None, environment={})
    with pytest.raises(ConnectFailed, match="nobody knows"):
        credentials.find("esx", "other.example", None, None, environment={})


def test_the_keyring_comes_after_the_file_and_before_people(
    keyring: dict[tuple[str, str], str], known: Mapping[str, str], tmp_path: Path
) -> None:
    keyring["polyvisor:host.example", "lab"] = "kept"
    assert credentials.find("esx", "host.example", "lab", None, environment=known).password == "half=known"
    elsewhere = {"XDG_CONFIG_HOME": str(tmp_path / "nothing"), "LIBVIRT_AUTH_FILE": str(tmp_path / "nothing")}
    found = credentials.find(
        "esx", "host.example", "lab", lambda names, prompt: {"password": "told"}, environment=elsewhere
    )
    assert found.password == "kept"


def test_a_locked_keyring_asks_people(keyring: dict[tuple[str, str], str], tmp_path: Path) -> None:
    nothing = {"XDG_CONFIG_HOME": str(tmp_path), "LIBVIRT_AUTH_FILE": str(tmp_path / "nothing")}
    told = credentials.find(
        "esx", "locked.example", "root", lambda names, prompt: {"password": "told"}, environment=nothing
    )
    assert told.password == "told"
    with pytest.raises(ConnectFailed, match="nobody knows"):
        credentials.find("esx", "locked.example", "root", None, environment=nothing)
