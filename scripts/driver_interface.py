#!/usr/bin/env python3
"""Record what plugins may rely on, and judge every change of it.

scripts/driver_interface.py               record it, and write docs/reference/driver-interface.md
scripts/driver_interface.py --breaking    record it although something that was there is not, or is otherwise
scripts/driver_interface.py --release     record it as what this version of the hooks promises from now on
scripts/driver_interface.py --check       change nothing; say what is not as recorded, and which version it takes

The public surface is a flat table, name: what it is. ``recorded.json`` has it as it stands, ``released.json`` as it was
when a version of the hooks was last released; both are in tests/core/interface. A change is an addition (a minor
version) or a break (a major one), and is told by name.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import enum
import inspect
import json
import os
import pkgutil
import re
import sys
import textwrap
import typing
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

from polyvisor.documents import Element
from polyvisor.documents.fields import Field
from polyvisor.errors import PolyvisorError
from polyvisor.operations.catalogue import SUBJECTS, every
from polyvisor.operations.contributions import CONTRIBUTIONS
from polyvisor.operations.declaration import HOOKS_VERSION, Operation
from polyvisor.operations.deprecation import DEPRECATIONS

ROOT = Path(__file__).resolve().parent.parent
PAGE = Path("docs/reference/driver-interface.md")
RECORDED = Path("tests/core/interface/recorded.json")
RELEASED = Path("tests/core/interface/released.json")

LISTED = ("polyvisor.spi", "polyvisor.state", "polyvisor.host", "polyvisor.documents")
"""Packages that say themselves what of them is public, by ``__all__``."""

WHOLE = (
    "polyvisor.errors",
    "polyvisor.units",
    "polyvisor.uri",
    "polyvisor.documents.datatypes",
    "polyvisor.documents.support",
    "polyvisor.host.document",
    "polyvisor.host.process",
    "polyvisor.state.inotify",
    *(
        f"polyvisor.local.{module}"
        for module in "bus configuration consoles driver ended guests listing session watcher".split()
    ),
    "polyvisor.model",
    "polyvisor.model.domaintype",
    *(
        f"polyvisor.operations.{module}"
        for module in ("records", "events", "jobs", "session", "metadata", "startplace", *SUBJECTS)
    ),
)
"""Modules of which every name without a leading underscore is public, if it is defined there."""

NAMED = (
    "polyvisor.config.Configuration",
    "polyvisor.config.load",
    "polyvisor.documents.parsing.parse",
    "polyvisor.documents.plain.to_plain",
    "polyvisor.host.kvm.max_vcpus",
    "polyvisor.host.sysinfo.read_sysinfo",
    "polyvisor.model.backup.align",
    "polyvisor.model.checkpoint.align",
    "polyvisor.model.checkpoint.restore",
    "polyvisor.model.domain.completion.check",
    "polyvisor.model.domain.completion.complete",
    "polyvisor.model.domain.completion.complete_device",
    "polyvisor.model.domain.completion.cpu_ranges",
    "polyvisor.model.domain.completion.generate_mac",
    "polyvisor.model.domain.consistency.cpu_numbers",
    "polyvisor.model.domain.devices.chardev.SerialModelName",
    "polyvisor.model.domain.devices.controller.PciControllerModelName",
    "polyvisor.model.domain.devices.disk.bus_of_target",
    "polyvisor.model.domain.devices.disk.target_index",
    "polyvisor.model.domain.devices.storage.AnySource",
    "polyvisor.model.domain.devices.storage.SOURCES",
    "polyvisor.model.domain.devices.storage.StorageFormat",
    "polyvisor.model.domain.events.PerfEventName",
    "polyvisor.model.domain.os.Architecture",
    "polyvisor.model.snapshot.align",
    "polyvisor.model.snapshot.restore",
    "polyvisor.model.storagevol.VOLUME_NAME",
    "polyvisor.testing.Target",
    "polyvisor.testing.equipment.Parts",
)
"""Single names of modules that are ours otherwise: what drivers of several hypervisors were seen to need."""

UNLISTED = frozenset({"log", "Function", "Document", "Decorated", "AnyLook", "AnyFollowed"})
"""Names that modules use for themselves in the same way everywhere."""

FOR_DRIVERS_TO_WRITE = frozenset(
    {"polyvisor.operations.consoles.Stream", "polyvisor.local.consoles.Typist", "polyvisor.local.session.Watching"}
)
"""Protocols that drivers implement: a method more is one that they lack."""

SAME = "the same as "
"""Begins what a public name is that is described under another one."""

Surface = dict[str, str]


class Change(NamedTuple):
    """One difference between two surfaces."""

    breaks: bool
    text: str

    def __str__(self) -> str:
        return f"{'break (major)' if self.breaks else 'addition (minor)'}: {self.text}"


# -- the surface as it stands -----------------------------------------------------------------------------------------


def surface() -> Surface:
    """Everything public, by name."""
    return dict(_rows())


def _rows() -> Iterator[tuple[str, str]]:
    for operation in every().values():
        yield from _operation(operation)
    for name, function in CONTRIBUTIONS.items():
        yield f"contribution {name}", "hook"
        yield from _parameters(f"contribution {name}", function)
    public = {f"{module}.{name}": member for module, name, member in _public()}
    for key, member in public.items():
        home = _home(member, public)
        if home is None or home == key:
            yield from _member(key, member)
        else:
            yield key, f"{SAME}{home}"
    for entry in DEPRECATIONS:
        yield f"deprecated {entry.what}", entry.verdict


def _home(member: Any, public: Mapping[str, Any]) -> str | None:
    """Under which of its public names a class or a function is described: the one where it is defined, or the first."""
    if not (inspect.isclass(member) or inspect.isfunction(member)):
        return None
    defined = f"{member.__module__}.{member.__qualname__}"
    if public.get(defined) is member:
        return defined
    return next(key for key, other in public.items() if other is member)


def _public() -> Iterator[tuple[str, str, Any]]:
    """Module, name and value of every public name, those of spi first."""
    for name in LISTED:
        module = import_module(name)
        for member in getattr(module, "__all__", ()):
            if f"{name}.{member}" not in WHOLE:
                yield name, member, getattr(module, member)
    for name in WHOLE:
        yield from _defined_in(import_module(name))
    for module in _documents():
        yield from _defined_in(module, Element, enum.Enum)
    for name in NAMED:
        home, _, member = name.rpartition(".")
        yield home, member, getattr(import_module(home), member)


def _documents() -> Iterator[ModuleType]:
    import polyvisor.model as package

    for found in pkgutil.walk_packages(package.__path__, "polyvisor.model."):
        if found.name != "polyvisor.model.emit":  # a program
            yield import_module(found.name)


def _defined_in(module: ModuleType, *kinds: type) -> Iterator[tuple[str, str, Any]]:
    """The public names that the module's own text binds (of classes of these ``kinds``, if any are named)."""
    exported = getattr(module, "__all__", ())
    for name in dict.fromkeys((*exported, *_bound(ast.parse(inspect.getsource(module))))):
        member = vars(module).get(name)
        if name.startswith("_") or name in UNLISTED or (inspect.isfunction(member) and hasattr(member, "operation")):
            continue
        if not kinds or (inspect.isclass(member) and issubclass(member, kinds)):
            yield module.__name__, name, member


def _bound(tree: ast.Module) -> Iterator[str]:
    """Names that a module defines, and those it imports for others (``import X as X``)."""
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            yield node.name
        elif isinstance(node, ast.Assign):
            yield from (target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id
        elif isinstance(node, ast.ImportFrom):
            yield from (alias.name for alias in node.names if alias.asname == alias.name)


def _operation(operation: Operation) -> Iterator[tuple[str, str]]:
    key = f"operation {operation.name}"
    yield (
        key,
        f"capability {operation.capability}, permission {' '.join(operation.permission)}"
        + (", changes" if operation.changes else ""),
    )
    yield from _parameters(key, operation.function)
    for argument, kind in operation.documents.items():
        yield f"{key}({argument}) document", kind
    for error in operation.raises:
        yield f"{key} raises {error.__name__}", "declared"


def _member(key: str, member: Any) -> Iterator[tuple[str, str]]:
    member = inspect.unwrap(member)  # a function that keeps its answers is called as it was before
    if inspect.isclass(member):
        yield from _class(key, member)
    elif inspect.isfunction(member):
        yield key, "function"
        yield from _parameters(key, member)
    elif typing.get_origin(member) is not None:  # its name differs between versions of Python
        yield key, "type"
    elif isinstance(member, Mapping) or _is_list_of_names(member):
        yield key, f"constant {type(member).__name__}"
        yield from ((f"{key}[{entry}]", "entry") for entry in member)
    elif isinstance(member, int | str) and key != "polyvisor.spi.HOOKS_VERSION":
        yield key, f"constant {_literal(member)}"
    else:
        yield key, f"constant {type(member).__name__}"


def _is_list_of_names(member: Any) -> bool:
    return isinstance(member, tuple | frozenset) and bool(member) and all(isinstance(entry, str) for entry in member)


def _class(key: str, cls: type) -> Iterator[tuple[str, str]]:
    bases = ", ".join(base.__name__ for base in cls.__bases__ if base is not object)
    if issubclass(cls, enum.Enum):
        yield key, f"enumeration ({bases})"
        yield from ((f"{key}.{member.name}", _literal(member.value)) for member in cls)
    elif issubclass(cls, PolyvisorError):
        yield key, f"error ({bases}), code {cls.code}"
        yield from _made(key, cls)
        yield from _methods(key, cls)
    elif issubclass(cls, Element) and cls is not Element:
        yield key, "element" + (f" <{cls.tag}>" if hasattr(cls, "tag") else "")
        yield from ((f"{key}.{name}", said) for name, said in _fields(cls))
    elif issubclass(cls, tuple) and (names := getattr(cls, "_fields", ())):
        yield key, "record"
        for name in names:
            default = f" = {_literal(cls._field_defaults[name])}" if name in cls._field_defaults else ""  # type: ignore[attr-defined]
            yield f"{key}.{name}", _annotation(cls.__annotations__[name]) + default
        yield from _methods(key, cls)
    elif dataclasses.is_dataclass(cls):
        yield key, "record" + (f" ({bases})" if bases else "")
        for each in dataclasses.fields(cls):
            yield f"{key}.{each.name}", f"{each.type}{_default_of(each)}"
        yield from _methods(key, cls)
    else:
        protocol = getattr(cls, "_is_protocol", False)
        yield key, "protocol" if protocol else f"class ({bases})" if bases else "class"
        yield from _made(key, cls) if not protocol else ()
        yield from _methods(key, cls)


def _made(key: str, cls: type) -> Iterator[tuple[str, str]]:
    """What a class is made with, and the public attributes that it then has."""
    maker = vars(cls).get("__init__")
    if inspect.isfunction(maker):
        yield from _parameters(key, maker)
        for node in ast.walk(ast.parse(textwrap.dedent(inspect.getsource(maker)))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and not node.attr.startswith("_"):
                yield f"{key}.{node.attr}", "attribute"


def _fields(cls: type) -> Iterator[tuple[str, str]]:
    """The fields of an element, those of its bases too: where one is declared is nobody's business."""
    for base in reversed(cls.__mro__):
        for name, field in vars(base).items():
            if isinstance(field, Field):
                required = field.required or (field.kind in ("children", "values") and field.minimum > 0)
                yield name, f"{field.kind}: {base.__annotations__.get(name, '')}{'' if required else ' ='}"


def _default_of(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        return f" = {_literal(field.default)}"
    return " = ..." if field.default_factory is not dataclasses.MISSING else ""


def _methods(key: str, cls: type) -> Iterator[tuple[str, str]]:
    for name, member in vars(cls).items():
        if name.startswith("_"):
            continue
        if isinstance(member, property):
            yield f"{key}.{name}", f"property: {_annotation(inspect.signature(member.fget).return_annotation)}"  # type: ignore[arg-type]
        elif isinstance(member, classmethod | staticmethod) or inspect.isfunction(member):
            yield f"{key}.{name}", "method"
            yield from _parameters(f"{key}.{name}", getattr(member, "__func__", member))


def _parameters(key: str, function: Callable[..., Any]) -> Iterator[tuple[str, str]]:
    signature = inspect.signature(function)
    for place, parameter in enumerate(signature.parameters.values()):
        if parameter.name in ("self", "cls") or parameter.name.startswith("_"):
            continue
        how = {parameter.KEYWORD_ONLY: "keyword", parameter.VAR_KEYWORD: "**", parameter.VAR_POSITIONAL: "*"}
        default = "" if parameter.default is parameter.empty else f" = {_literal(parameter.default)}"
        many = " = ..." if parameter.kind in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL) else ""
        position = how.get(parameter.kind, f"argument {place}")
        yield f"{key}({parameter.name})", f"{position}: {_annotation(parameter.annotation)}{default}{many}"
    yield f"{key} returns", _annotation(signature.return_annotation)


def _annotation(annotation: Any) -> str:
    if annotation in (inspect.Signature.empty, None):
        return "None" if annotation is None else "Any"
    if isinstance(annotation, typing.ForwardRef):
        return annotation.__forward_arg__
    return annotation if isinstance(annotation, str) else getattr(annotation, "__name__", str(annotation))


def _literal(value: Any) -> str:
    if isinstance(value, enum.Enum):
        return f"{type(value).__name__}.{value.name}"
    if isinstance(value, frozenset | set):
        return f"{{{', '.join(sorted(map(_literal, value)))}}}"
    if value is os.environ:
        return "os.environ"  # and not what is in it here and now
    text = repr(value)
    return "..." if re.search(r" at 0x[0-9a-f]+", text) else text


def borrowed(source: str, table: Mapping[str, str]) -> list[str]:
    """What a plugin's ``source`` imports from Polyvisor that is not public: ``line 3: polyvisor.services.audit``."""
    public = {*table, *LISTED, *WHOLE, *(key.rpartition(".")[0] for key in table if "(" not in key)}
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            named = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            named = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        strange = [name for name in named if name.partition(".")[0] == "polyvisor" and name not in public]
        found += [f"line {node.lineno}: {name}" for name in strange]
    return found


# -- judging a change -------------------------------------------------------------------------------------------------


def changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    """Every difference, breaks first; what belongs to a thing that came or went as a whole is not told by itself."""
    gone, come = before.keys() - after.keys(), after.keys() - before.keys()
    found = [Change(not _was_to_go(key, before), f"{key} is gone") for key in _tops(gone)]
    found += [Change(_harms(key, after, before), f"{key} is new: {after[key]}") for key in _tops(come)]
    for key in before.keys() & after.keys():
        if before[key] != after[key]:
            found.append(Change(_tightens(before[key], after[key]), f"{key} was {before[key]}, is {after[key]}"))
    return sorted(found, key=lambda change: (not change.breaks, change.text))


def _tops(keys: Iterable[str]) -> list[str]:
    """``keys`` without those that belong to another of them."""
    keys = set(keys)
    return sorted(key for key in keys if not any(parent in keys for parent in _parents(key)))


def _parents(key: str) -> Iterator[str]:
    """What a key belongs to: ``a.b(c)`` to ``a.b`` and ``a``."""
    for match in re.finditer(r"[.(\[]| raises| returns| document", key):
        yield key[: match.start()]


def _was_to_go(key: str, before: Mapping[str, str]) -> bool:
    """A notice of deprecation goes with what it was about, and is no loss itself."""
    return key.startswith("deprecated ")


def _harms(key: str, after: Mapping[str, str], before: Mapping[str, str]) -> bool:
    """Whether something new is asked of those who were there before: an argument or a field without a default."""
    owner = max((parent for parent in _parents(key) if parent in before), key=len, default=None)
    if owner is None or key.startswith("deprecated "):
        return False
    if owner in FOR_DRIVERS_TO_WRITE:
        return True
    said = after[key]
    parameter = key.endswith(")")
    field = before[owner].startswith(("record", "element")) and said != "method" and not said.startswith("property")
    return (parameter or field) and " =" not in said and said != "attribute"


def _tightens(was: str, is_now: str) -> bool:
    """Whether a changed entry breaks: all do, but a default where there was none."""
    return not (" =" not in was and is_now.partition(" =")[0] == was)


def needed(found: Iterable[Change], released: tuple[int, int]) -> tuple[int, int]:
    """The least version of the hooks that may have these changes after ``released``."""
    found = list(found)
    if any(change.breaks for change in found):
        return (released[0] + 1, 0)
    return (released[0], released[1] + 1) if found else released


def undeclared(found: Iterable[Change], before: Mapping[str, str]) -> list[str]:
    """What is gone in a major version without a word of warning in the one before."""
    warned = {key.removeprefix("deprecated ") for key in before if key.startswith("deprecated ")}
    names = [change.text.removesuffix(" is gone") for change in found if change.text.endswith(" is gone")]
    return [name for name in names if not name.startswith("deprecated ") and _plain(name) not in warned]


def _plain(key: str) -> str:
    """A key as the registry of deprecations writes it: ``operation start(paused)`` is ``start.paused``."""
    bare = re.sub(r"^(operation|contribution) ", "", key)
    return bare.removesuffix(")").replace("(", ".") if bare != key else key


def verdict(now: Surface, root: Path, version: tuple[int, int] = HOOKS_VERSION) -> list[str]:
    """What is wrong with the surface ``now`` as ``version`` of the hooks, in sentences; nothing if all is well."""
    problems: list[str] = []
    if (root / RELEASED).exists():
        since, before = load(root / RELEASED)
        found = changes(before, now)
        if version < (least := needed(found, since)):
            problems += [str(change) for change in found]
            problems.append(
                f"that takes HOOKS_VERSION = {least} (polyvisor/operations/declaration.py); it is {version}, and "
                f"{since} is released"
            )
        if version[0] > since[0]:
            problems += [f"{name} is gone, but was never deprecated in {since}" for name in undeclared(found, before)]
    return problems


def load(path: Path) -> tuple[tuple[int, int], Surface]:
    """A recorded surface and its version."""
    content = json.loads(path.read_text("utf-8"))
    major, minor = content["hooks_version"]
    return (major, minor), content["surface"]


def compose(version: tuple[int, int], table: Surface) -> str:
    """The text of a record: a line for each name, so that a change is a line of a diff."""
    content = {"hooks_version": list(version), "surface": dict(sorted(table.items()))}
    return json.dumps(content, indent=0, ensure_ascii=False) + "\n"


# -- the page ---------------------------------------------------------------------------------------------------------


def page(table: Surface) -> str:
    """The public names by module, for people; operations and documents have references of their own."""
    lines = [
        "<!-- Written by scripts/driver_interface.py from the code; do not edit. -->",
        "# What plugins may use",
        f"Version {HOOKS_VERSION[0]}.{HOOKS_VERSION[1]} of the hooks; [stability](../stability.md) says what that "
        "promises. Every name here is public and none else is. Operations have [a page of their own](operations.md), "
        "and so have the [documents](documents).",
    ]
    sections: dict[str, list[str]] = {}
    for key in table:
        if key.startswith("polyvisor.") and (module := _module_of(key)) is not None:
            sections.setdefault(module, []).append(key)
    for module in sorted(sections, key=lambda name: (name not in LISTED, LISTED.index(name) if name in LISTED else 0)):
        lines.append(f"## {module}")
        names = [key for key in sections[module] if not any(parent in table for parent in _parents(key))]
        lines.append("\n".join(["| name | what it is |", "|---|---|", *(_row(module, key, table) for key in names)]))
    return "\n\n".join(lines) + "\n"


def _module_of(key: str) -> str | None:
    """The module whose section has the name; None for elements of documents, which have pages of their own."""
    if (single := next((name for name in NAMED if f"{key}.".startswith(f"{name}.")), None)) is not None:
        return single.rpartition(".")[0]
    if key.startswith("polyvisor.model.") and key.partition("(")[0].count(".") > 2:
        return None
    return max((name for name in (*LISTED, *WHOLE) if key.startswith(f"{name}.")), key=len, default=None)


def _row(module: str, key: str, table: Surface) -> str:
    home = table[key].removeprefix(SAME)
    if home in table:
        return _row(module, home, table).replace(f"`{home}`", f"`{key.removeprefix(module + '.')}`", 1)
    inner = re.compile(re.escape(key) + r"[.(\[]([\w<>-]+)[)\]]?$")
    parts = dict.fromkeys(f"`{found[1]}`" for other in table if (found := inner.match(other)))
    said = table[key].replace("|", "\\|")
    return f"| `{key.removeprefix(module + '.')}` | {said}{': ' + ', '.join(parts) if parts else ''} |"


# -- the command ------------------------------------------------------------------------------------------------------


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--check", action="store_true", help="change nothing, tell what is not as recorded")
    how.add_argument("--breaking", action="store_true", help="record breaks too")
    how.add_argument("--release", action="store_true", help="record it as released")
    options = parser.parse_args(arguments)
    now = surface()
    if problems := verdict(now, ROOT):
        print("\n".join(problems))
        return 1
    found = changes(load(ROOT / RECORDED)[1], now) if (ROOT / RECORDED).exists() else []
    for change in found:
        print(change)
    texts = {RECORDED: compose(HOOKS_VERSION, now), PAGE: page(now)}
    stale = [path for path, text in texts.items() if _read(ROOT / path) != text]
    if options.check:
        print("\n".join(f"stale: {path}" for path in stale))
        return 1 if stale else 0
    if any(change.breaks for change in found) and not (options.breaking or options.release):
        print("drivers that were built for what is recorded would break; if that is meant: --breaking")
        return 1
    if options.release:
        texts[RELEASED] = texts[RECORDED]
    for path in dict.fromkeys((*stale, *([RELEASED] if options.release else []))):
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(texts[path], "utf-8")
        print(f"written: {path}")
    return 0


def _read(path: Path) -> str | None:
    return path.read_text("utf-8") if path.exists() else None


if __name__ == "__main__":
    sys.exit(main())
