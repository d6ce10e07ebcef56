"""What an ``esx://`` or ``vpx://`` URI says: which server, how to reach it, which part of its inventory.

The parameters are those libvirt documents for its esx driver, and two of ours, ``cacert`` and ``thumbprint``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from polyvisor.errors import InvalidURI
from polyvisor.spi import URI

PARAMETERS = ("transport", "no_verify", "vcenter", "auto_answer", "proxy", "cacert", "thumbprint")
PROXIES = {"http": 1080, "https": 1080}
"""Kinds of proxies there are, with the port that counts when none is named (libvirt's, 1080)."""

_DIGITS = {40: "SHA-1", 64: "SHA-256", 128: "SHA-512"}


@dataclass(frozen=True, slots=True)
class Address:
    """A server and how to talk to it. ``path`` is the part of the inventory, by the names of its objects."""

    scheme: str
    host: str
    port: int
    tls: bool = True
    user: str | None = None
    path: tuple[str, ...] = ()
    verify: bool = True
    auto_answer: bool = False
    proxy: tuple[str, int] | None = None
    cacert: str | None = None
    thumbprint: str | None = None
    vcenter: str | None = None

    @property
    def center(self) -> bool:
        """Whether a vCenter is to be there, not a single host."""
        return self.scheme == "vpx"


def parse_address(uri: URI) -> Address:
    """Read a URI. Raises InvalidURI saying what is wrong with it."""
    uri.reject_unknown_options(*PARAMETERS)
    if uri.transport:
        raise InvalidURI(f"{uri} names a transport behind a '+'", driver="esx", hint="write ?transport=http")
    if not uri.host:
        raise InvalidURI(f"{uri} names no server", driver="esx", hint=f"write {uri.scheme}://host/")
    transport = uri.option("transport", "https")
    if transport not in ("http", "https"):
        raise InvalidURI(f"transport={transport} is neither http nor https", driver="esx")
    path = tuple(part for part in uri.path.split("/") if part)
    if path and uri.scheme == "esx":
        raise InvalidURI(
            f"{uri} has a path; a single host has no data centres",
            driver="esx",
            hint="use vpx://vcenter/Datacenter/Cluster/host for a part of a vCenter",
        )
    tls = transport == "https"
    return Address(
        scheme=uri.scheme,
        host=uri.host,
        port=uri.port or (443 if tls else 80),
        tls=tls,
        user=uri.user,
        path=path,
        verify=not _flag(uri, "no_verify"),
        auto_answer=_flag(uri, "auto_answer"),
        proxy=_proxy(uri),
        cacert=_cacert(uri),
        thumbprint=_thumbprint(uri),
        vcenter=_vcenter(uri),
    )


def _flag(uri: URI, name: str) -> bool:
    value = uri.option(name, "0")
    if value not in ("0", "1"):
        raise InvalidURI(f"{name}={value} is neither 0 nor 1", driver="esx")
    return value == "1"


def _vcenter(uri: URI) -> str | None:
    value = uri.option("vcenter")
    if value is None or value == "*":
        return value
    if uri.scheme == "vpx":
        raise InvalidURI("vcenter= goes with esx:// only", driver="esx", hint="a vpx:// URI names its vCenter already")
    if not re.fullmatch(r"[A-Za-z0-9.:\[\]-]+", value):
        raise InvalidURI(f"vcenter={value!r} is no host name", driver="esx")
    return value


def _proxy(uri: URI) -> tuple[str, int] | None:
    """``[type://]host[:port]``; type is http."""
    value = uri.option("proxy")
    if value is None:
        return None
    found = re.fullmatch(r"(?:([a-z0-9]+)://)?(\[[0-9a-fA-F:]+\]|[^:/\s@]+)(?::(\d{1,5}))?/?", value)
    kind = found[1] or "http" if found else None
    if found is None or kind not in PROXIES:
        raise InvalidURI(
            f"proxy={value!r} is no proxy that can be used here",
            driver="esx",
            hint="write proxy=http://host:port; SOCKS proxies are not spoken to",
        )
    return found[2].strip("[]"), int(found[3] or PROXIES[kind])


def _cacert(uri: URI) -> str | None:
    value = uri.option("cacert")
    if value is None:
        return None
    if not Path(value).is_file():
        raise InvalidURI(
            f"cacert={value}: there is no such file", driver="esx", hint="name a file of certificates (PEM)"
        )
    return value


def _thumbprint(uri: URI) -> str | None:
    value = uri.option("thumbprint")
    if value is None:
        return None
    digits = value.replace(":", "").lower()
    if len(digits) not in _DIGITS or re.fullmatch(r"[0-9a-f]+", digits) is None:
        raise InvalidURI(
            f"thumbprint={value!r} is no thumbprint of a certificate",
            driver="esx",
            hint=f"it is {', '.join(f'{size} hex digits ({name})' for size, name in _DIGITS.items())}, colons or not",
        )
    return digits
