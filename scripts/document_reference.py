#!/usr/bin/env python3
"""Write the reference pages of documents, a section for each element, from the classes that declare them.

``scripts/document_reference.py`` writes docs/reference/documents/;
``scripts/document_reference.py --check`` writes nothing and fails when a page is not what it would write.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FunctionType

from polyvisor import model
from polyvisor.documents import Element
from polyvisor.documents.binding import Bound, Target
from polyvisor.documents.contributions import classes as classes_of
from polyvisor.documents.owners import GROUP
from polyvisor.entrypoints import installed

ROOT = Path(__file__).resolve().parent.parent
GENERATED = "<!-- Written by scripts/document_reference.py from the declarations; do not edit. -->"
PACKAGE = "polyvisor.model."
KINDS_OF_FIELD = {"attribute": "@{}", "text": "text", "flag": "<{}/>", "value": "<{}>", "values": "<{}>", "raw": "<{}>"}

Class = type[Element]


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="fail when a page is stale; write nothing")
    options = parser.parse_args(arguments)
    wanted = pages()
    present = set((ROOT / "docs" / "reference" / "documents").rglob("*.md"))
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text("utf-8") != text]
    stale += sorted(present - wanted.keys())
    for path in stale:
        print(f"{'stale' if options.check else 'written'}: {path.relative_to(ROOT)}")
        if options.check:
            continue
        if path not in wanted:
            path.unlink()
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(wanted[path], "utf-8")
    return 1 if options.check and stale else 0


def pages() -> dict[Path, str]:
    """Each page and its text: one for every module that declares elements of a kind of document, and an index."""
    top = ROOT / "docs" / "reference" / "documents"
    made = {top / "index.md": index()}
    modules: dict[str, dict[Class, set[str]]] = {}
    for kind in model.kinds():
        for cls, places in elements(model.root(kind)).items():
            modules.setdefault(cls.__module__, {}).setdefault(cls, set()).update(places)
    for brought in contributed().values():
        for cls in brought:
            for each, places in elements(cls).items():
                modules.setdefault(each.__module__, {}).setdefault(each, set()).update(places)
            modules[cls.__module__][cls].add(str(cls.declaration.extends))
    for module, classes in modules.items():
        made[top / f"{page_of(module)}.md"] = page(module, classes)
    return made


def contributed() -> dict[str, tuple[Class, ...]]:
    """What each package of this workspace brings to documents; packages that are not installed are left out."""
    ours = {home.name: f"polyvisor-{home.name}" for home in sorted(ROOT.glob("plugins/*"))}
    points = {point.distribution: point for point in installed(GROUP)}
    return {name: classes_of(points[package].load()) for name, package in ours.items() if package in points}


def index() -> str:
    lines = [GENERATED, "", "# Documents", "", "Each kind of document, its root element, and its schemas.", ""]
    lines += ["| kind | root element | class | schemas |", "|---|---|---|---|"]
    for kind in model.kinds():
        root = model.root(kind)
        where = f"{page_of(root.__module__)}.md#{anchor(root)}"
        name = f"{root.__module__}.{root.__qualname__}"
        lines.append(f"| {kind} | [`<{root.tag}>`]({where}) | `{name}` | `{kind}.rng`, `{kind}.xsd`, `{kind}.json` |")
    lines += ["", "## Elements that packages bring", "", "Each in the namespace of its prefix.", ""]
    lines += ["| package | element | in |", "|---|---|---|"]
    for name, classes in contributed().items():
        for cls in classes:
            where = f"{page_of(cls.__module__)}.md#{anchor(cls)}"
            lines.append(f"| `polyvisor-{name}` | [`<{shown(cls)}>`]({where}) | `<{cls.declaration.extends}>` |")
    return "\n".join(lines) + "\n"


def elements(root: Class) -> dict[Class, set[str]]:
    """Every class below a root, in order, with the tags of the elements it stands in."""
    found: dict[Class, set[str]] = {}
    waiting: list[tuple[Class, str]] = [(root, "")]
    while waiting:
        cls, parent = waiting.pop(0)
        known = cls in found
        if parent:
            found.setdefault(cls, set()).add(parent)
        else:
            found.setdefault(cls, set())
        if not known:
            waiting += [
                (below, shown(cls)) for field in cls.fields() for target in targets(field) for below in target.classes
            ]
    return found


def targets(field: Bound) -> Iterator[Target]:
    yield from field.targets
    for options in field.cases.values():
        yield from options


def page_of(module: str) -> str:
    """The page of a module, without its suffix: ``domain/devices/disk``."""
    if not module.startswith(PACKAGE):
        return f"packages/{module.partition('.')[0].removeprefix('polyvisor_')}"
    path = module.removeprefix(PACKAGE).replace(".", "/")
    return f"{path}/index" if (Path(inspect.getfile(sys.modules[module])).name == "__init__.py") else path


def shown(cls: Class) -> str:
    """The tag, with the prefix of its namespace."""
    prefix = cls.declaration.prefix
    return f"{prefix}:{cls.tag}" if prefix else cls.tag


def anchor(cls: Class) -> str:
    """GitHub's anchor of a class's heading."""
    return cls.__qualname__.lower()


def page(module: str, classes: dict[Class, set[str]]) -> str:
    text = inspect.getdoc(sys.modules[module]) or ""
    title = page_of(module).removesuffix("/index")
    blocks = [GENERATED, f"# {title}", text]
    for cls in classes:  # what others are part of comes before its parts
        blocks += section(cls, classes[cls])
    return "\n\n".join(blocks) + "\n"


def section(cls: Class, places: set[str]) -> Iterator[str]:
    yield f"## {cls.__qualname__}"
    yield f"`<{shown(cls)}>`{chosen_by(cls)}{standing_in(places)}"
    if text := inspect.getdoc(cls):
        yield text
    if rows := [row(cls, field) for field in cls.fields()]:
        yield "\n".join(["| XML | Python | what it holds | |", "|---|---|---|---|", *rows])
    if calls := list(members(cls)):
        yield "\n".join(calls)


def members(cls: Class) -> Iterator[str]:
    """What the class itself, or a base that is no element, can do in Python."""
    bases = [
        base for base in cls.__mro__ if base is cls or (issubclass(base, Element) and not hasattr(base, "declaration"))
    ]
    found = {name: value for base in reversed(bases) if base is not Element for name, value in vars(base).items()}
    for name, value in found.items():
        if name.startswith("_") or not isinstance(value, classmethod | staticmethod | property | FunctionType):
            continue
        told = " ".join((inspect.getdoc(getattr(cls, name)) or "").split())
        if isinstance(value, property):
            yield f"- `.{name}`: {told}"
        else:
            bound = "" if isinstance(value, FunctionType) else cls.__qualname__
            yield f"- `{bound}.{name}{parameters(getattr(cls, name), isinstance(value, FunctionType))}`: {told}"


def parameters(call: Callable[..., object], method: bool) -> inspect.Signature:
    """Names and defaults, without types."""
    signature = inspect.signature(call)
    shown = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
    return signature.replace(parameters=shown[1:] if method else shown, return_annotation=inspect.Signature.empty)


def chosen_by(cls: Class) -> str:
    """What the element's own attributes must be for this class to be its class."""
    family = cls.declaration.family
    if family is None:
        return ""
    by = family.declaration.by
    keys = [
        " and ".join(condition(name, value) for name, value in zip(by, key, strict=True))
        for key in cls.declaration.keys
    ]
    return f" with {' or '.join(keys)}"


def condition(name: str, value: object) -> str:
    return f"no `{name}`" if value is None else f"`{name}='{value}'`"


def standing_in(places: set[str]) -> str:
    return f", in {', '.join(f'`<{place}>`' for place in sorted(places))}" if places else ""


def row(cls: Class, field: Bound) -> str:
    name = KINDS_OF_FIELD.get(field.kind, "<{}>").format(field.xml.rpartition("}")[2])
    if field.kind == "extensions":
        name = "elements of drivers"
    cells = (
        f"`{name}`" if field.xml or field.kind == "text" else name,
        f"`{field.attr}`",
        holding(cls, field),
        notes(field),
    )
    return "| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"


def holding(cls: Class, field: Bound) -> str:
    """What a field may hold."""
    classes = dict.fromkeys(family_or(below, target) for target in targets(field) for below in target.classes)
    if classes:
        return ", ".join(link(cls, below) for below in classes)
    if field.kind == "raw":
        return "XML of other namespaces, kept as it is"
    return field.datatype.describe if field.datatype is not None else "present or not" if field.kind == "flag" else ""


def family_or(cls: Class, target: Target) -> Class:
    """The family a class belongs to, when all of it may stand there; else the class itself."""
    family = cls.declaration.family
    return family if family in target.classes else cls


def link(here: Class, there: Class) -> str:
    if here.__module__ == there.__module__:
        return f"[{there.__qualname__}](#{anchor(there)})"
    ups = page_of(here.__module__).count("/")
    return f"[{there.__qualname__}]({'../' * ups}{page_of(there.__module__)}.md#{anchor(there)})"


def notes(field: Bound) -> str:
    """When a field is there, how often, and what else is to be known of it."""
    said = []
    if field.required:
        said.append("required")
    elif field.default not in (None, False):
        said.append(f"`{field.implied}` when absent")
    if field.kind in ("children", "values"):
        said.append("repeats" if field.unbounded else f"up to {field.maximum} times")
    for on, values in field.when.items():
        options = " or ".join(sorted(condition(on.xml, value) for value in values))
        said.append(f"only with {options}")
    for on in field.by:
        said.append(f"by `{on.xml}`")
    if field.volatile:
        said.append("of a running object only")
    if field.secret:
        said.append("written only when secrets are asked for")
    if field.doc:
        said.append(field.doc.rstrip("."))
    return "; ".join(said)


if __name__ == "__main__":
    sys.exit(main())
