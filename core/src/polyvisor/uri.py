"""Connection URIs: ``scheme[+transport]://[user@]host[:port]/path?key=value#fragment``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from polyvisor.errors import InvalidURI

_SCHEME = re.compile(r"[a-z][a-z0-9.-]*(\+[a-z0-9]+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class URI:
    """A parsed connection URI. Printing one never shows a password: there is no field to hold it.

    ``parameters`` are the query's names and values in order; ``&`` and ``;`` both divide them."""

    scheme: str
    path: str = ""
    host: str = ""
    port: int | None = None
    user: str | None = None
    transport: str | None = None
    parameters: tuple[tuple[str, str], ...] = ()
    fragment: str = ""

    def __str__(self) -> str:
        scheme = f"{self.scheme}+{self.transport}" if self.transport else self.scheme
        host = f"[{self.host}]" if ":" in self.host else quote(self.host)
        authority = f"{quote(self.user, safe='')}@{host}" if self.user is not None else host
        if self.port is not None:
            authority = f"{authority}:{self.port}"
        text = f"{scheme}://{authority}{quote(self.path)}"
        if self.parameters:
            text += "?" + urlencode(self.parameters, quote_via=quote, safe="/:")
        return f"{text}#{quote(self.fragment)}" if self.fragment else text

    def option(self, name: str, default: str | None = None) -> str | None:
        """The query parameter ``name``; of several the last."""
        return dict(self.parameters).get(name, default)

    def reject_unknown_options(self, *known: str) -> None:
        """Raise InvalidURI when the query has a parameter that is not one of ``known``."""
        for name, _ in self.parameters:
            if name not in known:
                raise InvalidURI(
                    f"unknown parameter {name!r} in {self}",
                    hint=f"known parameters: {', '.join(known)}" if known else f"{self.scheme} URIs take none",
                )


def parse_uri(text: str | URI) -> URI:
    """Parse ``text``; raises InvalidURI saying what is wrong with it."""
    if isinstance(text, URI):
        return text
    if "://" not in text:
        raise InvalidURI(
            f"{text!r} is not a connection URI", hint="write scheme:///path, such as qemu:///session or test:///default"
        )
    scheme = text.split("://", 1)[0]
    if not _SCHEME.fullmatch(scheme):
        raise InvalidURI(f"{scheme!r} is not a URI scheme", hint="a scheme is letters, digits, '.' and '-'")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError as error:
        raise InvalidURI(f"cannot read the URI {scheme}://...: {error}") from error
    if parts.password is not None:
        raise InvalidURI(
            f"the {scheme} URI carries a password",
            hint="leave it out: URIs end up in logs and process lists; credentials come from a callback or a file",
        )
    base, _, transport = scheme.lower().partition("+")
    return URI(
        scheme=base,
        transport=transport or None,
        host=unquote(parts.hostname or ""),
        port=port,
        user=unquote(parts.username) if parts.username is not None else None,
        path=unquote(parts.path),
        parameters=tuple(parse_qsl(parts.query.replace(";", "&"), keep_blank_values=True)),
        fragment=unquote(parts.fragment),
    )
