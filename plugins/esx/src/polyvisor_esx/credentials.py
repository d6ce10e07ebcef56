"""Who logs in, and with what password: asked for in this order, and written down nowhere.

1. ``POLYVISOR_ESX_USER`` and ``POLYVISOR_ESX_PASSWORD``;
2. a file in the format of libvirt's ``auth.conf``, which only its owner may read;
3. the system's keyring, if the package ``keyring`` is installed: service ``polyvisor:HOST``;
4. the caller's callback, which may ask a person.

"""

from __future__ import annotations

import os
from base64 import b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from polyvisor.errors import ConnectFailed
from polyvisor_esx.authfile import AuthFile

Ask = Callable[[tuple[str, ...], str], Mapping[str, str]]

DEFAULT_USER = {"esx": "root", "vpx": "administrator"}
"""Who logs in when nobody says: libvirt's defaults."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user name and a password. Printing them does not show the password."""

    user: str
    password: str = field(repr=False)

    def header(self) -> str:
        """What HTTP's basic authentication sends (RFC 7617)."""
        return "Basic " + b64encode(f"{self.user}:{self.password}".encode()).decode()


def find(
    scheme: str, host: str, user: str | None, ask: Ask | None, *, environment: Mapping[str, str] | None = None
) -> Credentials:
    """What to log in with. Raises ConnectFailed when nobody knows."""
    given = os.environ if environment is None else environment
    user = user or given.get("POLYVISOR_ESX_USER") or None
    if (password := given.get("POLYVISOR_ESX_PASSWORD")) is not None:
        return Credentials(user or DEFAULT_USER[scheme], password)
    if (filed := _filed(host, user, given)) is not None:
        return filed
    if (kept := _kept(host, user or DEFAULT_USER[scheme])) is not None:
        return kept
    if ask is not None:
        return _asked(ask, host, user, DEFAULT_USER[scheme])
    raise ConnectFailed(
        f"nobody knows the password for {host}",
        driver="esx",
        hint="set POLYVISOR_ESX_PASSWORD, write ~/.config/polyvisor/auth.conf (mode 0600), or pass credentials=",
    )


def _asked(ask: Ask, host: str, user: str | None, default: str) -> Credentials:
    names = ("password",) if user else ("username", "password")
    answers = ask(names, f"Log in to {host}" + (f" as {user}" if user else f" (usually as {default})"))
    if "password" not in answers:
        raise ConnectFailed(f"no password was given for {host}", driver="esx")
    return Credentials(user or answers.get("username") or default, answers["password"])


def auth_paths(environment: Mapping[str, str]) -> list[Path]:
    """Where files of credentials are looked for, first come first served: ours, and those libvirt's users have."""
    if named := environment.get("POLYVISOR_AUTH_FILE") or environment.get("LIBVIRT_AUTH_FILE"):
        return [Path(named)]
    base = Path(environment.get("XDG_CONFIG_HOME") or Path(environment.get("HOME") or "/") / ".config")
    return [base / "polyvisor" / "auth.conf", base / "libvirt" / "auth.conf", Path("/etc/libvirt/auth.conf")]


def _filed(host: str, user: str | None, environment: Mapping[str, str]) -> Credentials | None:
    for path in auth_paths(environment):
        if not path.is_file() or not os.access(path, os.R_OK):
            continue
        known = AuthFile.load(path)
        for service in ("esx", "vpx"):
            name = user or known.lookup(service, host, "username")
            password = known.lookup(service, host, "password")
            if name is not None and password is not None:
                if known.lookup(service, host, "username") not in (None, name):
                    continue  # the password is another user's
                _require_private(path)
                return Credentials(name, password)
    return None


def _require_private(path: Path) -> None:
    if path.stat().st_mode & 0o077:
        raise ConnectFailed(f"{path} holds a password and others may read it", driver="esx", hint=f"chmod 600 {path}")


def _kept(host: str, user: str) -> Credentials | None:
    try:
        import keyring
    except ImportError:
        return None
    from keyring.errors import KeyringError

    try:
        password = keyring.get_password(f"polyvisor:{host}", user)
    except KeyringError:
        return None  # locked, or no desktop to ask on
    return None if password is None else Credentials(user, password)
