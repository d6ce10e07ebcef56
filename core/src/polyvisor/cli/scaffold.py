"""A new driver's package, written from the templates beside this module. Needs no network and asks no hypervisor."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from polyvisor import __version__
from polyvisor.errors import AlreadyExists, InvalidArgument
from polyvisor.operations.declaration import HOOKS_VERSION
from polyvisor.plugins import PACKAGES, Plugins
from polyvisor.state import reported

TEMPLATES = Path(__file__).parent / "templates"

FILES: Mapping[str, str] = {
    "pyproject.toml": "driver/pyproject.toml.in",
    "README.md": "driver/README.md.in",
    ".gitignore": "driver/gitignore.in",
    ".github/workflows/ci.yml": "driver/ci.yml.in",
    "docs/index.md": "driver/docs.md.in",
    "src/@package@/__init__.py": "driver/init.py.in",
    "src/@package@/driver.py": "driver/driver.py.in",
    "src/@package@/documents.py": "driver/documents.py.in",
    "src/@package@/conformance.py": "driver/conformance.py.in",
    "tests/test_driver.py": "driver/test_driver.py.in",
}
"""Each file of the package and its template."""

LICENCES = ("Apache-2.0", "MIT")
"""Licences whose text is at hand, by their SPDX identifiers."""

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_SCHEME = re.compile(r"[a-z][a-z0-9.-]*[a-z0-9]|[a-z]")
_SPDX = re.compile(r"[A-Za-z0-9.+-]+( (AND|OR|WITH) [A-Za-z0-9.+-]+)*")
_AUTHOR = re.compile(r"(?P<name>[^<>\"\\\x00-\x1f\x7f]+?)(?: <(?P<email>[^<>\s\"\\]+@[^<>\s\"\\]+)>)?")
_LONGEST = 40


@dataclass(frozen=True, slots=True)
class Package:
    """What a new driver's package is called, and by whom and how it is published.

    :param name: the driver's, such as ``acme``: the distribution is ``polyvisor-acme``, the package
        ``polyvisor_acme``.
    :param scheme: of its URIs; None for its name.
    :param author: ``Name`` or ``Name <mail@example.org>``; None for nobody in particular.
    :param licence: an SPDX expression.
    """

    name: str
    scheme: str | None = None
    author: str | None = None
    licence: str = "Apache-2.0"

    @property
    def distribution(self) -> str:
        return f"polyvisor-{self.name}"

    @property
    def package(self) -> str:
        return self.distribution.replace("-", "_")

    @property
    def uri_scheme(self) -> str:
        return self.scheme or self.name

    def check(self) -> None:
        """Raise InvalidArgument for what nothing can be called, AlreadyExists for a scheme that is served already."""
        if self.name.startswith(("polyvisor-", "polyvisor_")):
            raise InvalidArgument(
                f"{self.name!r} names the package, not the driver", hint=f"write {self.name[len('polyvisor-') :]}"
            )
        _require(_NAME, self.name, "the name of a driver", "use small letters and digits, with single hyphens between")
        _require(_SCHEME, self.uri_scheme, "a URI scheme", "use small letters, digits, '.' and '-'")
        _require(
            _SPDX, self.licence, "a licence", "write its SPDX identifier, such as Apache-2.0, MIT or GPL-3.0-or-later"
        )
        if self.author is not None:
            _require(_AUTHOR, self.author, "an author", "write Name, or Name <mail@example.org>")
        if self.uri_scheme in PACKAGES or self.distribution in PACKAGES.values():
            owner = PACKAGES.get(self.uri_scheme, self.distribution)
            raise AlreadyExists(f"{self.uri_scheme}:// belongs to {owner}", hint="choose another name, or a --scheme")
        for entry in Plugins().drivers():
            if self.uri_scheme in entry.schemes:
                raise AlreadyExists(
                    f"{self.uri_scheme}:// is served by {entry.distribution}, which is installed",
                    hint="choose another name, or a --scheme, or uninstall that",
                )

    def words(self) -> dict[str, str]:
        """What stands in the place of each ``@word@`` of a template."""
        author = _AUTHOR.fullmatch(self.author or f"The {self.distribution} authors")
        assert author is not None  # checked, or ours
        mail = f", email = {json.dumps(author['email'])}" if author["email"] else ""
        return {
            "name": self.name,
            "scheme": self.uri_scheme,
            "distribution": self.distribution,
            "package": self.package,
            "title": f"The {self.name}",
            "author": author["name"],
            "author_toml": f"{{ name = {json.dumps(author['name'], ensure_ascii=False)}{mail} }}",
            "licence": self.licence,
            "licence_toml": json.dumps(self.licence),
            "version": str(__version__),
            "hooks_version": str(HOOKS_VERSION),
            "year": str(time.localtime().tm_year),
        }

    def files(self) -> dict[str, str]:
        """The text of each file by its path in the package's directory."""
        words = self.words()
        made = {_filled(path, words): _filled(_template(name), words) for path, name in FILES.items()}
        made[f"src/{self.package}/py.typed"] = ""
        if (text := licence_text(self.licence)) is not None:
            made["LICENSE"] = _filled(text, words)
        return made


def _require(shape: re.Pattern[str], text: str, what: str, hint: str) -> None:
    if not shape.fullmatch(text):
        raise InvalidArgument(f"{text!r} cannot be {what}", hint=hint)
    if len(text) > _LONGEST and shape in (_NAME, _SCHEME):
        raise InvalidArgument(f"{text!r} is too long to be {what}", hint=f"{_LONGEST} characters are enough")


def _template(name: str) -> str:
    return (TEMPLATES / name).read_text("utf-8")


def _filled(text: str, words: Mapping[str, str]) -> str:
    return re.sub(r"@([a-z_]+)@", lambda found: words[found[1]], text)


def licence_text(licence: str) -> str | None:
    """The text of a licence, or None when it is not at hand. That of the Apache licence is the one we come with."""
    if licence == "MIT":
        return _template("licences/MIT.in")
    if licence != "Apache-2.0":
        return None
    from importlib.metadata import PackageNotFoundError, files

    try:
        ours = [file for file in files("polyvisor") or () if file.name == "LICENSE"]
        return ours[0].read_text("utf-8") if ours else None
    except (PackageNotFoundError, OSError):
        return None


def write(package: Package, directory: Path, *, force: bool = False) -> dict[str, str]:
    """Write the package; returns what became of each file: ``written``, ``kept`` (it said the same already) or, with
    ``force``, the name under which the file that was there before is kept.

    Raises InvalidArgument and AlreadyExists as :meth:`Package.check` does, and when the directory holds something and
    ``force`` is not given; HostError when it cannot be written."""
    package.check()
    if not force and any(_entries(directory)):
        raise AlreadyExists(
            f"{directory} is not empty",
            hint="name another --directory; --force writes there and keeps what it replaces",
        )
    return {path: _put(directory / path, text) for path, text in package.files().items()}


def _entries(directory: Path) -> Iterator[str]:
    with reported("read", directory):
        try:
            yield from os.listdir(directory)
        except FileNotFoundError:
            return


def _put(path: Path, text: str) -> str:
    with reported("write", path):
        path.parent.mkdir(parents=True, exist_ok=True)
        fate = "written"
        if path.exists() or path.is_symlink():
            if path.is_file() and path.read_bytes() == text.encode():
                return "kept"
            fate = _set_aside(path)
        with open(path, "x", encoding="utf-8") as file:
            file.write(text)
        return fate


def _set_aside(path: Path) -> str:
    """Rename what is at ``path``; returns its new name, which nothing had."""
    number = 1
    while os.path.lexists(aside := path.with_name(f"{path.name}.{number}~")):
        number += 1
    path.rename(aside)
    return aside.name


def next_steps(package: Package, directory: Path) -> list[str]:
    """The commands to type next."""
    import shlex

    return [
        f"cd {shlex.quote(os.fspath(directory))}",
        "python3 -m venv .venv && . .venv/bin/activate",
        "pip install -e '.[testing]'",
        "polyvisor drivers",
        "pytest",
        f"pytest --pyargs polyvisor.testing.conformance --polyvisor-uri {package.uri_scheme}:///",
    ]
