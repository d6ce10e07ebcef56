"""Checking documents, and the schemas they are checked against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from polyvisor.cli.command import command
from polyvisor.cli.failure import Status
from polyvisor.cli.output import printable
from polyvisor.cli.parameters import data, exclusive, flag, read_file
from polyvisor.errors import InvalidArgument, InvalidDocument

if TYPE_CHECKING:
    from collections.abc import Iterable

    from polyvisor.cli.shell import Shell
    from polyvisor.documents import Contribution
    from polyvisor.documents.faults import Fault


@command("validate")
@data("file", rest=True, help="Files with XML; - is standard input.")
@click.option("--kind", metavar="KIND", help="Kind of document (domain, ...); default: what its root element says.")
@flag("schema-only", "Check against the schema only, not for contradictions such as two disks of one name.")
def validate(shell: Shell, file: tuple[str, ...], kind: str | None, schema_only: bool) -> int:
    """Each fault is printed with its line, what stands there and what may stand there. The status is 1 if any file
    has a fault or cannot be read. No hypervisor is asked; XML in the namespace of a package is checked as it says.
    """
    found = [_validated(shell, path, kind, schema_only) for path in file]
    facts = [{**result, "faults": [fault.as_dict() for fault in result["faults"]]} for result in found]
    shell.data(facts, "\n".join(_lines(result) for result in found))
    return Status.OK if all(result["valid"] for result in found) else Status.FAILED


def _validated(shell: Shell, path: str, kind: str | None, schema_only: bool) -> dict[str, Any]:
    result: dict[str, Any] = {"file": path, "kind": kind, "valid": False, "faults": []}
    try:
        xml = read_file(path)
    except OSError as error:
        return result | {"error": error.strerror}
    try:
        result["kind"] = kind or kind_of(xml)
        _check(result["kind"], xml, contributions(shell), schema_only)
    except InvalidDocument as error:
        return result | {"faults": list(error.faults), "error": None if error.faults else error.message}
    except InvalidArgument as error:
        return result | {"error": error.message}
    return result | {"valid": True}


def _check(kind: str, xml: bytes, contributions: Iterable[Contribution], schema_only: bool) -> None:
    from polyvisor import model

    document = model.parse(kind, xml, contributions=contributions)
    if not schema_only:
        model.check(kind, model.complete(kind, document))


def kind_of(xml: bytes) -> str:
    """The kind of document that ``xml`` is, by its root element.

    Raises InvalidDocument for what is no XML, InvalidArgument for a root that no kind of document has."""
    from polyvisor.documents.parsing import parse

    return kind_of_root(str(parse(xml).tag))


def kind_of_root(tag: str) -> str:
    """The kind of document whose root element is ``tag``; InvalidArgument when none has it."""
    from polyvisor import model

    known: list[str] = []
    for kind in (*model.kinds(), *model.FAMILIES):
        tags = [root.tag for root in model.roots(kind)]
        if tag in tags:
            return kind
        known += tags
    from difflib import get_close_matches

    near = get_close_matches(tag, known, n=1)
    suggestion = f"; did you mean <{near[0]}>?" if near else ""
    raise InvalidArgument(
        f"<{tag}> is the root element of no known document{suggestion}",
        hint="polyvisor schema list names the kinds of documents; --kind says which one is meant",
    )


def contributions(shell: Shell) -> Iterable[Contribution]:
    """What the installed packages bring to documents; none is imported for a document that needs none."""
    from polyvisor.documents.owners import Owners

    return Owners(block=shell.configuration.blocked)


def _lines(result: dict[str, Any]) -> str:
    if result["valid"]:
        return f"{result['file']} validates"
    if result.get("error"):
        return f"{result['file']}: {result['error']}"
    return "\n".join(f"{result['file']}: {_explained(fault)}" for fault in result["faults"])


def _explained(fault: Fault) -> str:
    details = []
    if fault.found is not None:
        details.append(f"    found:    {fault.found}")
    if fault.expected and "expected" not in fault.message:
        details.append(f"    expected: {', '.join(fault.expected)}")
    return "\n".join(printable(line) for line in (str(fault), *details))


@command("schema")
@data("action", type=click.Choice(("list", "show", "path")), help="What to do.")
@data("kind", required=False, help="Kind of document: domain, capability, ...")
@flag("xsd", "The XSD 1.1 schema instead of RELAX NG.")
@flag("json-schema", "The JSON Schema of the document as JSON or YAML.")
def schema(shell: Shell, action: str, kind: str | None, xsd: bool, json_schema: bool) -> None:
    """``schema list`` names the kinds of documents, ``schema path KIND`` says where the schema is installed,
    ``schema show KIND`` prints it with what the installed packages bring to such documents. The JSON Schema (draft
    2020-12) is of what ``convert`` writes."""
    import polyvisor_schemas

    exclusive("xsd", "json-schema")

    if action == "list":
        names = sorted({name.partition(".")[0] for name in polyvisor_schemas.names()})
        shell.data(names, "\n".join(names))
        return
    if kind is None:
        raise InvalidArgument("which schema?", hint="polyvisor schema list names them")
    name = f"{kind}.{'json' if json_schema else 'xsd' if xsd else 'rng'}"
    if name not in polyvisor_schemas.names():
        raise InvalidArgument(f"there is no schema {name}", hint="polyvisor schema list names them")
    path = polyvisor_schemas.path(name)
    if action == "path":
        shell.data({"path": path}, str(path))
    elif json_schema:
        _show_json_schema(shell, kind)
    else:
        text = _with_contributions(shell, kind, path.read_bytes(), xsd)
        shell.data({"schema": text}, text.rstrip("\n"))


def _with_contributions(shell: Shell, kind: str, schema: bytes, xsd: bool) -> str:
    """A committed schema with what the installed packages bring to that kind of document."""
    from polyvisor import documents, model
    from polyvisor.documents import grammar

    brought = tuple(contributions(shell))
    root, *others = model.roots(kind)
    rules = polyvisor_schema(f"{kind}.rng") if xsd else schema
    if not grammar.extensible(rules, brought):
        return schema.decode()
    found = documents.xsd(root, brought, *others) if xsd else grammar.merge(schema, root, brought)
    return found.decode()


def polyvisor_schema(name: str) -> bytes:
    """A committed schema by its file's name."""
    import polyvisor_schemas

    return polyvisor_schemas.path(name).read_bytes()


def _show_json_schema(shell: Shell, kind: str) -> None:
    from polyvisor import model
    from polyvisor.documents import jsonschema
    from polyvisor.documents.notations import write_json

    root, *others = model.roots(kind)
    found = jsonschema.emit(root, contributions(shell), *others)
    shell.data(found, write_json(found).rstrip("\n"))
