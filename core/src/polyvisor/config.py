"""The configuration files: what a user or an administrator settles once for every program.

One TOML file per scope, ``/etc/polyvisor/polyvisor.toml`` for the host and
``$XDG_CONFIG_HOME/polyvisor/polyvisor.toml`` for the user::

    default_uri = "qemu:///system"

    [uri_aliases]
    lab = "qemu:///embed?root=/srv/lab"

    [plugins]
    block = ["test"]
    order = ["naming-policy", "quota"]

    [drivers.qemu]              # handed to the driver as it is; each driver documents its own keys
    emulator = "/opt/qemu/bin/qemu-system-x86_64"

    [log]
    level = "info"

Tables of the two files merge, and of a key in both the user's counts. Absent files cost two failed ``open``
calls. The environment speaks last: :data:`ENVIRONMENT` has every variable.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from polyvisor.errors import ConfigurationError

SYSTEM_FILE = "/etc/polyvisor/polyvisor.toml"
"""The host's file."""

DEFAULT_URI_VARIABLES = ("POLYVISOR_DEFAULT_URI", "VIRSH_DEFAULT_CONNECT_URI", "LIBVIRT_DEFAULT_URI")
"""Environment variables that name the default connection; the first that is not empty counts."""

ENVIRONMENT: dict[str, str] = {
    "POLYVISOR_CONFIG": "read this file and no other; empty: read none",
    "POLYVISOR_DEFAULT_URI": "the connection when none is named",
    "VIRSH_DEFAULT_CONNECT_URI": "the same, if POLYVISOR_DEFAULT_URI is not set",
    "LIBVIRT_DEFAULT_URI": "the same, if neither of the others is set",
    "POLYVISOR_BLOCK": "names of plugins to block beside those of the files, separated by commas",
    "XDG_CONFIG_HOME": "directory of the user's file; default ~/.config",
}
"""Every environment variable that is looked at here, and what it does."""

LOG_LEVELS = ("debug", "info", "warning", "error")
"""What ``log.level`` may be."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """All settings together, from the files and the environment.

    :param default_uri: connection to open when the caller names none; None lets the drivers be probed.
    :param uri_aliases: short names for URIs.
    :param blocked: names of plugins that are not to be loaded.
    :param order: names of plugins in the order in which their wrappers run, outermost first; others come after.
    :param drivers: each driver's own table.
    :param log_level: one of :data:`LOG_LEVELS`, or None when nothing is said.
    :param files: the files that were read, the stronger one last.
    """

    default_uri: str | None = None
    uri_aliases: Mapping[str, str] = field(default_factory=dict)
    blocked: frozenset[str] = frozenset()
    order: tuple[str, ...] = ()
    drivers: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    log_level: str | None = None
    files: tuple[Path, ...] = ()

    def resolve_uri(self, text: str | None = None) -> str | None:
        """The URI that ``text`` stands for: an alias's target, or the text itself; the default for None or "".

        None when nothing was named and no default is set."""
        wanted = text or self.default_uri
        return self.uri_aliases.get(wanted, wanted) if wanted else None

    def driver_settings(self, name: str) -> Mapping[str, Any]:
        """The table ``[drivers.NAME]``, empty if there is none."""
        return self.drivers.get(name, {})


# -- what the files may hold ----------------------------------------------------------------------------


class Key(NamedTuple):
    """A key of the configuration file: its type in words, the test of a value, and what it does."""

    type: str
    accepts: Callable[[Any], bool]
    doc: str


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _texts(value: Any) -> bool:
    return isinstance(value, list) and all(_text(item) for item in value)


def _table_of(accepts: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, dict) and all(accepts(item) for item in value.values())


KEYS: dict[str, Key] = {
    "default_uri": Key("a string", _text, "URI, or alias, of the connection that is opened when none is named"),
    "uri_aliases": Key("a table of strings", _table_of(_text), 'short names for URIs: `lab = "qemu:///session"`'),
    "plugins.block": Key("a list of names", _texts, "plugins that are never loaded"),
    "plugins.order": Key("a list of names", _texts, "plugins whose wrappers run first, outermost first"),
    "drivers": Key(
        "tables, one for each driver",
        _table_of(lambda value: isinstance(value, dict)),
        "`[drivers.NAME]` is handed to driver NAME, which documents and checks its keys",
    ),
    "log.level": Key(
        "one of " + ", ".join(LOG_LEVELS), lambda value: value in LOG_LEVELS, "least important messages to log"
    ),
}
"""Every key of a configuration file, by its dotted name."""

_TABLES = frozenset(name.partition(".")[0] for name in KEYS if "." in name)


def _check(file: Path, found: Mapping[str, Any]) -> None:
    for name, value in found.items():
        if name not in _TABLES:
            _check_key(file, name, value)
        elif not isinstance(value, dict):
            raise ConfigurationError(f"{file}: {name!r} must be a table, not {value!r}", hint=f"write [{name}]")
        else:
            for inner, setting in value.items():
                _check_key(file, f"{name}.{inner}", setting)


def _check_key(file: Path, name: str, value: Any) -> None:
    if name not in KEYS:
        raise ConfigurationError(f"{file}: unknown key {name!r}", hint=_suggest(name))
    if not KEYS[name].accepts(value):
        raise ConfigurationError(f"{file}: {name!r} must be {KEYS[name].type}, not {value!r}")


def _suggest(name: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, KEYS, n=1) or [key for key in KEYS if key.rpartition(".")[2] == name]
    return f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(KEYS)}"


# -- reading -----------------------------------------------------------------------------------------------


def files(environ: Mapping[str, str] = os.environ) -> tuple[Path, ...]:
    """Where configuration is looked for, the weaker file first, whether or not the files exist."""
    if (only := environ.get("POLYVISOR_CONFIG")) is not None:
        return (Path(only),) if only else ()
    home = environ.get("XDG_CONFIG_HOME", "")
    if not os.path.isabs(home):
        home = os.path.join(environ.get("HOME") or os.path.expanduser("~"), ".config")
    return (Path(SYSTEM_FILE), Path(home, "polyvisor", "polyvisor.toml"))


def load(environ: Mapping[str, str] = os.environ) -> Configuration:
    """Read the files and the environment anew.

    Raises ConfigurationError, naming file and key, for a file that cannot be read, is not TOML, has an unknown
    key or a value of the wrong type; and for a ``POLYVISOR_CONFIG`` that does not exist."""
    merged: dict[str, Any] = {}
    seen = []
    for file in files(environ):
        found = _read(file, required="POLYVISOR_CONFIG" in environ)
        if found is not None:
            _check(file, found)
            _merge(merged, found)
            seen.append(file)
    plugins = merged.get("plugins", {})
    named = next((environ[name] for name in DEFAULT_URI_VARIABLES if environ.get(name)), None)
    return Configuration(
        default_uri=named or merged.get("default_uri"),
        uri_aliases=merged.get("uri_aliases", {}),
        blocked=frozenset(plugins.get("block", ())) | _names(environ.get("POLYVISOR_BLOCK", "")),
        order=tuple(plugins.get("order", ())),
        drivers=merged.get("drivers", {}),
        log_level=merged.get("log", {}).get("level"),
        files=tuple(seen),
    )


def _names(text: str) -> frozenset[str]:
    return frozenset(name.strip() for name in text.split(",") if name.strip())


def _read(file: Path, *, required: bool) -> dict[str, Any] | None:
    try:
        content = file.read_bytes()
    except (FileNotFoundError, NotADirectoryError) as error:
        if required:
            raise ConfigurationError(
                f"{file} does not exist", hint="POLYVISOR_CONFIG names it; unset the variable or create the file"
            ) from error
        return None
    except OSError as error:
        raise ConfigurationError(f"cannot read {file}: {error.strerror}") from error
    import tomllib

    try:
        return tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{file} is not TOML: {error}") from error


def _merge(into: dict[str, Any], stronger: Mapping[str, Any]) -> None:
    for key, value in stronger.items():
        if isinstance(value, dict):
            _merge(into.setdefault(key, {}), value)
        else:
            into[key] = value
