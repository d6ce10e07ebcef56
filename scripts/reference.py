#!/usr/bin/env python3
"""Write the reference pages of operations and errors from their declarations.

``scripts/reference.py`` writes docs/reference/operations.md and docs/reference/errors.md;
``scripts/reference.py --check`` writes nothing and fails when a page is not what it would write.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import enum
import inspect
import itertools
import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

from polyvisor.errors import CODES, PolyvisorError
from polyvisor.operations.catalogue import SUBJECTS, every
from polyvisor.operations.declaration import Operation

ROOT = Path(__file__).resolve().parent.parent
GENERATED = "<!-- Written by scripts/reference.py from the declarations; do not edit. -->"
SHARED = ("records", "jobs", "events", "session")
"""Modules whose records several subjects share."""

LINE = 100


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="fail when a page is stale; write nothing")
    options = parser.parse_args(arguments)
    stale = [path for path, text in pages().items() if not path.exists() or path.read_text("utf-8") != text]
    for path in stale:
        print(f"{'stale' if options.check else 'written'}: {path.relative_to(ROOT)}")
        if not options.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(pages()[path], "utf-8")
    return 1 if options.check and stale else 0


def pages() -> dict[Path, str]:
    """Each page and its text."""
    reference = ROOT / "docs" / "reference"
    return {
        reference / "operations.md": _page(operations_page()),
        reference / "errors.md": _page(errors_page()),
    }


def _page(blocks: Iterable[str]) -> str:
    return "\n\n".join(blocks) + "\n"


# -- operations ---------------------------------------------------------------------------------------


def operations_page() -> Iterator[str]:
    """The blocks of operations.md."""
    operations = list(every().values())
    yield GENERATED
    yield "# Operations"
    yield (
        f"The {len(operations)} operations a driver may implement, by subject. A driver implements an operation by a "
        "method of its name that takes those of the arguments it needs; programs call them as methods of a "
        "connection or a domain, without `session` and `domain`. `connection.supports(capability)` says whether a "
        "driver has one."
    )
    yield (
        "*Permission* is what the connection's policy must grant; *read-only* says whether a connection opened for "
        "reading may call it. Every operation may also raise [the errors of the way to the driver](errors.md): "
        "`UnsupportedOperation`, `UnsupportedOption`, `AccessDenied`, `ReadOnly`, `ConnectionClosed`, `DriverFault`."
    )
    for subject in SUBJECTS:
        module = import_module(f"polyvisor.operations.{subject}")
        mine = [operation for operation in operations if operation.subject == subject]
        yield from _subject(module, mine)
    yield "## Records that several subjects share"
    for name in SHARED:
        yield from _records(import_module(f"polyvisor.operations.{name}"))


def _subject(module: ModuleType, operations: list[Operation]) -> Iterator[str]:
    first, _, rest = prose(module).partition("\n\n")
    yield f"## {first.rstrip('.')}"
    yield f"`polyvisor.operations.{module.__name__.rpartition('.')[2]}`"
    if rest:
        yield rest
    yield _table(
        ("operation", "capability", "permission", "read-only", "what it does"),
        (
            (
                f"[`{operation.name}`](#{operation.name})",
                f"`{operation.capability}`",
                _permissions(operation),
                _readable(operation),
                prose(operation.function).partition("\n\n")[0].replace("\n", " "),
            )
            for operation in operations
        ),
    )
    for operation in operations:
        yield from _operation(operation)
    yield from _records(module)


def _operation(operation: Operation) -> Iterator[str]:
    yield f"### {operation.name}"
    yield f"```python\n{signature(operation.function)}\n```"
    yield prose(operation.function)
    facts = []
    if operation.raises:
        facts.append("Errors: " + ", ".join(f"[`{error.__name__}`](errors.md)" for error in operation.raises) + ".")
    if operation.job:
        facts.append("Long work: it may be followed and cancelled through `job`.")
    for argument, kind in operation.documents.items():
        facts.append(f"`{argument}` is a `{kind}` document; the driver gets it parsed, completed and checked.")
    if operation.secrets:
        facts.append("Never logged: " + ", ".join(f"`{name}`" for name in sorted(operation.secrets)) + ".")
    if facts:
        yield "\n".join(facts)


def _permissions(operation: Operation) -> str:
    extra: dict[str, list[str]] = {}
    for option, permission in operation.extra_permissions.items():
        extra.setdefault(permission, []).append(f"`{option}`")
    always = ", ".join(f"`{permission}`" for permission in operation.permission)
    return "; ".join(
        [always, *(f"`{permission}` with {' or '.join(options)}" for permission, options in extra.items())]
    )


def _readable(operation: Operation) -> str:
    if operation.changes:
        return "no"
    closed = [option for option in operation.extra_permissions if not operation.open_to_readers(_asking(option))]
    return "yes, without " + " or ".join(f"`{option}`" for option in closed) if closed else "yes"


def _asking(option: str) -> dict[str, Any]:
    name, _, value = option.partition("=")
    return {name: value or True}


def signature(function: Callable[..., Any]) -> str:
    """The declaration's first line, broken over several when it is long."""
    declared = inspect.signature(function)
    parts: list[str] = []
    for parameter in declared.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        default = "" if parameter.default is parameter.empty else f" = {_literal(parameter.default)}"
        annotation = "" if parameter.annotation is parameter.empty else f": {parameter.annotation}"
        parts.append(f"{parameter.name}{annotation}{default}")
    line = f"{function.__name__}({', '.join(parts)}) -> {declared.return_annotation}"
    if len(line) <= LINE:
        return line
    body = "".join(f"    {part},\n" for part in parts)
    return f"{function.__name__}(\n{body}) -> {declared.return_annotation}"


def _literal(value: Any) -> str:
    return f"{type(value).__name__}.{value.name}" if isinstance(value, enum.Enum) else repr(value)


# -- records ------------------------------------------------------------------------------------------


def _records(module: ModuleType) -> Iterator[str]:
    """What the module defines beside operations: tables of names, enumerations, records, protocols."""
    for name, text in constants(module):
        yield f"### {name}"
        yield text
    for name, member in vars(module).items():
        if not inspect.isclass(member) or member.__module__ != module.__name__ or name.startswith("_"):
            continue
        yield f"### class {name}"
        if issubclass(member, enum.Enum):
            yield prose(member)
            yield _table(("name", "value"), ((f"`{entry.name}`", f"`{entry.value}`") for entry in member))
        elif dataclasses.is_dataclass(member):
            yield f"```python\n{_constructor(member)}\n```"
            yield prose(member)
        else:
            yield prose(member)
            yield "\n".join(_methods(member))


def constants(module: ModuleType) -> Iterator[tuple[str, str]]:
    """Public names in capitals that the module assigns, with the text that stands below each."""
    body = ast.parse(inspect.getsource(module)).body
    for statement, below in itertools.pairwise(body):
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
        if isinstance(targets[0], ast.Name) and targets[0].id.isupper() and isinstance(below, ast.Expr):
            name, value = targets[0].id, getattr(module, targets[0].id)
            text = markdown(inspect.cleandoc(ast.literal_eval(below.value)))
            yield name, f"{text}\n\n{_contents(value)}" if _contents(value) else text


def _contents(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(f"`{entry}`" for entry in value)
    if isinstance(value, int):
        return f"`{value}`"
    if isinstance(value, dict) and all(isinstance(entry, tuple) for entry in value.values()):
        return "\n".join(f"- `{key}`: " + ", ".join(f"`{entry}`" for entry in value[key]) for key in value)
    return ""


def _methods(member: type) -> Iterator[str]:
    for name, method in vars(member).items():
        if isinstance(method, property):
            yield _item(name, method)
        elif inspect.isfunction(method) and not name.startswith("_"):
            yield _item(signature(method).replace("(self, ", "(", 1).replace("(self)", "()", 1), method)


def _item(name: str, documented: object) -> str:
    return f"- `{name}`: {textwrap.indent(prose(documented), '  ').lstrip()}"


def _constructor(record: type) -> str:
    lines = []
    for field in dataclasses.fields(record):
        default = ""
        if field.default is not dataclasses.MISSING:
            default = f" = {_literal(field.default)}"
        elif field.default_factory is not dataclasses.MISSING:
            default = f" = {field.default_factory.__name__}()" if isinstance(field.default_factory, type) else " = ..."
        lines.append(f"    {field.name}: {field.type}{default},")
    return "\n".join([f"{record.__name__}(", *lines, ")"])


# -- errors -------------------------------------------------------------------------------------------


def errors_page() -> Iterator[str]:
    """The blocks of errors.md."""
    yield GENERATED
    yield "# Errors"
    yield (
        "Every error is a `polyvisor.errors.PolyvisorError`. Programs act on the class or on `code`, which never "
        "changes meaning; `str(error)` says what happened, where and why, and `error.hint` what to do. "
        "`error.as_dict()` is the same as plain data."
    )
    raised: dict[type[PolyvisorError], list[str]] = {}
    for operation in every().values():
        for error in operation.raises:
            raised.setdefault(error, []).append(operation.name)
    yield _table(
        ("code", "class", "kind of", "meaning"),
        (
            (
                f"`{code}`",
                f"`{error.__name__}`",
                f"`{error.__mro__[1].__name__}`",
                _without_lists(prose(error)),
            )
            for code, error in CODES.items()
        ),
    )
    yield "## Which operations raise what"
    yield _table(
        ("class", "operations"),
        (
            (f"`{error.__name__}`", ", ".join(f"[`{name}`](operations.md#{name})" for name in raised[error]))
            for error in CODES.values()
            if error in raised
        ),
    )


# -- text -----------------------------------------------------------------------------------------------

_ROLE = re.compile(r":\w+:`~?(?:[\w.]+\.)?(\w+)`")
_PARAMETER = re.compile(r"^:param (\w+): ", re.MULTILINE)


def prose(documented: object) -> str:
    """The documentation as Markdown."""
    return markdown(inspect.getdoc(documented) or "")


def markdown(text: str) -> str:
    """``text`` with the roles and parameter lists of our docstrings made Markdown's."""
    return _PARAMETER.sub(r"- `\1`: ", _ROLE.sub(r"`\1`", text.strip().replace("``", "`")))


def _without_lists(text: str) -> str:
    return " ".join(block.replace("\n", " ") for block in text.split("\n\n") if not block.startswith("- "))


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
