"""Documents as XML, JSON and YAML."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from polyvisor.cli.command import command
from polyvisor.cli.parameters import data, read_file
from polyvisor.errors import InvalidDocument

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell
    from polyvisor.documents import Element

_NOTATIONS = click.Choice(("xml", "json", "yaml"))


@command("convert")
@data("file", help="File with the document; - is standard input.")
@click.option("--to", type=_NOTATIONS, help="What to write; default: JSON for XML, else XML.")
@click.option("--from", "source", type=_NOTATIONS, help="What the file is; default: as its name or its content says.")
@click.option("--kind", metavar="KIND", help="Kind of document (domain, ...); default: what its root element says.")
def convert(shell: Shell, file: str, to: str | None, source: str | None, kind: str | None) -> None:
    """The document is validated and printed in the other notation; nothing is lost either way. An element is an
    object with its attributes and child elements by name; what may repeat is a list; text beside attributes is
    ``text``; XML of others (<metadata>) stays XML. ``schema show KIND --json-schema`` says it exactly. YAML needs
    PyYAML (``polyvisor[yaml]``). Passwords that stand in the document are printed, too."""
    from polyvisor import model
    from polyvisor.documents import notations, plain

    content = read_file(file)
    source = source or notations.guess(content, file)
    document = read(shell, content, source, kind)
    to = to or ("json" if source == "xml" else "xml")
    if to == "xml":
        text = model.format(document, secure=True)
        shell.data({"document": text}, text.rstrip("\n"))
        return
    found = plain.to_plain(document, secure=True)
    shell.data(found, lambda: notations.WRITERS[to](found).rstrip("\n"))


def to_yaml(shell: Shell, xml: str) -> str:
    """A document of XML as YAML, with its secrets."""
    from polyvisor.documents import notations, plain

    return notations.write_yaml(plain.to_plain(read(shell, xml.encode(), "xml"), secure=True))


def to_xml(shell: Shell, text: str) -> str:
    """A domain of YAML as XML, with its secrets."""
    from polyvisor import model

    return model.format(read(shell, text.encode(errors="surrogatepass"), "yaml", "domain"), secure=True)


@contextmanager
def lines_unknown() -> Iterator[None]:
    """Faults that are found within lose their lines, which are those of XML that nobody sees."""
    from polyvisor.documents import Fault

    try:
        yield
    except InvalidDocument as error:
        error.faults = tuple(
            Fault(each.path, None, each.message, found=each.found, expected=(*each.expected,), nearest=each.nearest)
            for each in error.faults
        )
        raise


def read(shell: Shell, content: bytes, notation: str, kind: str | None = None) -> Element:
    """The document in a notation; InvalidDocument names each fault by the lines of that notation, where it has them."""
    from polyvisor import model
    from polyvisor.cli.documents import contributions, kind_of, kind_of_root
    from polyvisor.documents import notations, plain

    if notation == "xml":
        return model.parse(kind or kind_of(content), content, contributions=contributions(shell))
    data, lines = notations.READERS[notation](content)
    roots = model.roots(kind or kind_of_root(plain.root_of(data)))
    return plain.from_plain(data, *roots, contributions=contributions(shell), lines=lines)
