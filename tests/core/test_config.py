"""Configuration files: scopes, merging, the environment, and refusals that name file and key."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from polyvisor import config
from polyvisor.errors import ConfigurationError

Scopes = Callable[..., dict[str, str]]


@pytest.fixture
def scopes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scopes:
    """Writes the host's and the user's file and gives the environment in which they are found."""
    monkeypatch.setattr(config, "SYSTEM_FILE", str(tmp_path / "etc/polyvisor.toml"))

    def write(*, system: str | None = None, user: str | None = None, **environ: str) -> dict[str, str]:
        for path, text in (("etc/polyvisor.toml", system), ("home/polyvisor/polyvisor.toml", user)):
            if text is not None:
                (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / path).write_text(text)
        return {"XDG_CONFIG_HOME": str(tmp_path / "home"), **environ}

    return write


def test_without_files_everything_is_at_its_default(scopes: Scopes) -> None:
    assert config.load(scopes()) == config.Configuration()


def test_the_users_keys_win_and_tables_merge(scopes: Scopes) -> None:
    found = config.load(
        scopes(
            system='default_uri = "qemu:///system"\n[uri_aliases]\na = "test:///a"\nb = "test:///b"\n'
            '[drivers.qemu]\nemulator = "/bin/q"\nuser = "nobody"\n[plugins]\nblock = ["xen"]',
            user='default_uri = "test:///default"\n[uri_aliases]\nb = "test:///mine"\n[drivers.qemu]\nuser = "me"',
        )
    )
    assert found.default_uri == "test:///default"
    assert found.uri_aliases == {"a": "test:///a", "b": "test:///mine"}
    assert found.driver_settings("qemu") == {"emulator": "/bin/q", "user": "me"}
    assert found.driver_settings("lxc") == {}
    assert found.blocked == {"xen"}
    assert [file.parent.name for file in found.files] == ["etc", "polyvisor"]


def test_the_environment_names_one_file_instead_of_both(scopes: Scopes, tmp_path: Path) -> None:
    (tmp_path / "only.toml").write_text('[log]\nlevel = "debug"')
    environ = scopes(user='default_uri = "test:///default"', POLYVISOR_CONFIG=str(tmp_path / "only.toml"))
    found = config.load(environ)
    assert (found.default_uri, found.log_level) == (None, "debug")


def test_an_empty_variable_means_no_file_at_all(scopes: Scopes) -> None:
    assert config.load(scopes(user='default_uri = "test:///default"', POLYVISOR_CONFIG="")).default_uri is None


def test_a_file_that_was_asked_for_must_exist(scopes: Scopes, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"nowhere\.toml does not exist"):
        config.load(scopes(POLYVISOR_CONFIG=str(tmp_path / "nowhere.toml")))


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"POLYVISOR_DEFAULT_URI": "a:///", "LIBVIRT_DEFAULT_URI": "b:///"}, "a:///"),
        ({"VIRSH_DEFAULT_CONNECT_URI": "c:///", "LIBVIRT_DEFAULT_URI": "b:///"}, "c:///"),
        ({"LIBVIRT_DEFAULT_URI": "b:///"}, "b:///"),
        ({"POLYVISOR_DEFAULT_URI": "", "LIBVIRT_DEFAULT_URI": ""}, "file:///"),
        ({}, "file:///"),
    ],
)
def test_default_uri_of_the_environment_comes_before_the_files(
    scopes: Scopes, environ: dict[str, str], expected: str
) -> None:
    assert config.load(scopes(user='default_uri = "file:///"', **environ)).default_uri == expected


def test_names_to_block_add_up(scopes: Scopes) -> None:
    found = config.load(scopes(user='[plugins]\nblock = ["xen"]\norder = ["b", "a"]', POLYVISOR_BLOCK="test, lxc,"))
    assert found.blocked == {"xen", "test", "lxc"}
    assert found.order == ("b", "a")


def test_aliases_stand_for_uris_and_may_be_the_default() -> None:
    settings = config.Configuration(default_uri="lab", uri_aliases={"lab": "qemu:///system"})
    assert settings.resolve_uri("lab") == "qemu:///system"
    assert settings.resolve_uri(None) == "qemu:///system"
    assert settings.resolve_uri("test:///default") == "test:///default"
    assert config.Configuration().resolve_uri(None) is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('defualt_uri = "x:///"', "unknown key 'defualt_uri' .*did you mean 'default_uri'"),
        ('[plugins]\nblok = ["x"]', "unknown key 'plugins.blok' .*did you mean 'plugins.block'"),
        ('block = ["x"]', "unknown key 'block' .*did you mean 'plugins.block'"),
        ('[logging]\nlevel = "info"', "unknown key 'logging'"),
        ("default_uri = 3", "'default_uri' must be a string, not 3"),
        ('default_uri = ""', "'default_uri' must be a string"),
        ("[uri_aliases]\na = 1", "'uri_aliases' must be a table of strings"),
        ('[plugins]\nblock = "test"', "'plugins.block' must be a list of names"),
        ('plugins = "none"', "'plugins' must be a table"),
        ('drivers = "qemu"', "'drivers' must be tables"),
        ("[drivers]\nqemu = 1", "'drivers' must be tables"),
        ('[log]\nlevel = "loud"', "'log.level' must be one of debug, info"),
        ("default_uri = ]", "is not TOML: .*line 1"),
        ("[log]\nlevel debug", "is not TOML: .*line 2"),
    ],
)
def test_a_bad_file_is_refused_naming_file_and_key(scopes: Scopes, text: str, complaint: str) -> None:
    with pytest.raises(ConfigurationError, match=complaint) as caught:
        config.load(scopes(user=text))
    assert "home/polyvisor/polyvisor.toml" in str(caught.value)


def test_a_file_in_the_hosts_scope_is_checked_even_if_the_users_key_wins(scopes: Scopes) -> None:
    with pytest.raises(ConfigurationError, match=r"etc/polyvisor\.toml"):
        config.load(scopes(system="default_uri = 1", user='default_uri = "x:///"'))


def test_an_unreadable_file_is_no_absent_one(scopes: Scopes, tmp_path: Path) -> None:
    environ = scopes()
    os.makedirs(tmp_path / "home/polyvisor/polyvisor.toml")
    with pytest.raises(ConfigurationError, match=r"cannot read .*Is a directory"):
        config.load(environ)


def test_bytes_that_are_no_text_are_refused(scopes: Scopes, tmp_path: Path) -> None:
    environ = scopes(user="")
    (tmp_path / "home/polyvisor/polyvisor.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match="is not TOML"):
        config.load(environ)


def test_a_relative_xdg_directory_is_ignored_as_its_standard_says(tmp_path: Path) -> None:
    assert config.files({"XDG_CONFIG_HOME": "conf", "HOME": str(tmp_path)})[-1] == (
        tmp_path / ".config/polyvisor/polyvisor.toml"
    )
