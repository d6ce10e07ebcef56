"""The house stands: who may import whom is stated here, once, and read off the sources."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

WORKSPACE = Path(__file__).parents[2]
CORE = WORKSPACE / "core" / "src"
PLUGINS = {path.name: path.parent for path in sorted(WORKSPACE.glob("plugins/*/src/polyvisor_*"))}

FLOORS = (
    ("errors", "units", "uri"),
    ("config", "entrypoints"),
    ("documents",),
    ("model",),
    ("state",),
    ("host",),
    ("operations",),
    ("local",),
    ("plugins",),
    ("spi",),
    ("services",),
    ("objects",),
    ("aio",),
    ("",),  # the package itself: polyvisor.open and its kin
    ("cli", "testing", "__main__"),
)
"""From the ground up; a module imports from floors below its own, and from its own without going in a circle."""

PUBLIC = (
    "spi",
    "errors",
    "units",
    "uri",
    "config",
    "documents",
    "model",
    "state",
    "host",
    "operations",
    "local",
    "testing",
)
"""What of ``polyvisor`` a plugin may import: these modules and the modules in them. See ``polyvisor.spi``."""

BEYOND = {
    "polyvisor": {"click", "lxml", "pluggy", "polyvisor_schemas"},
    "polyvisor.documents": {"xmlschema", "yaml"},
    "polyvisor.testing": {"pytest", "_pytest"},
    "polyvisor_schemas": set(),
    "polyvisor_bhyve": {"polyvisor"},
    "polyvisor_esx": {"polyvisor", "click", "lxml", "pyVmomi", "keyring"},  # keyring only where it is installed
    "polyvisor_lxc": {"polyvisor", "click"},  # Click comes with polyvisor: commands of plugins are made with it
    "polyvisor_network": {"polyvisor"},
    "polyvisor_qemu": {"polyvisor"},
    "polyvisor_storage": {"polyvisor"},
    "polyvisor_test": {"polyvisor", "lxml"},
    "polyvisor_xen": {"polyvisor"},
}
"""What each package may import from outside itself and the standard library: its declared dependencies."""


@dataclass(frozen=True)
class Import:
    """One imported module, and the names taken from it. ``runs`` is False under TYPE_CHECKING and in functions."""

    where: str
    module: str
    names: tuple[str, ...]
    runs: bool


@dataclass(frozen=True)
class Module:
    name: str
    is_package: bool
    path: Path
    tree: ast.Module


def modules(source: Path, package: str) -> dict[str, Module]:
    """Every module of ``package`` under ``source``, by its dotted name."""
    found = {}
    for path in sorted((source / package).rglob("*.py")):
        parts = path.relative_to(source).with_suffix("").parts
        is_package = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_package else parts)
        found[name] = Module(name, is_package, path, ast.parse(path.read_text(), str(path)))
    return found


def imports(module: Module) -> Iterator[Import]:
    """The imports of a module, wherever they stand in it."""
    pending: list[tuple[ast.AST, bool]] = [(module.tree, True)]
    while pending:
        node, runs = pending.pop()
        where = f"{module.path.name}:{getattr(node, 'lineno', 0)} ({module.name})"
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(where, alias.name, (), runs)
        elif isinstance(node, ast.ImportFrom):
            yield Import(where, absolute(module, node), tuple(alias.name for alias in node.names), runs)
        elif isinstance(node, ast.If) and last_name(node.test) == "TYPE_CHECKING":
            pending += [(child, False) for child in node.body] + [(child, runs) for child in node.orelse]
        else:
            inside = runs and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
            pending += [(child, inside) for child in ast.iter_child_nodes(node)]


def last_name(node: ast.expr) -> str | None:
    """``c`` of ``c`` and of ``a.b.c``."""
    return getattr(node, "attr", getattr(node, "id", None))


def absolute(module: Module, node: ast.ImportFrom) -> str:
    """The full name of the module that ``from ... import`` names, relative or not."""
    if not node.level:
        return node.module or ""
    parts = module.name.split(".")
    base = parts[: len(parts) - node.level + module.is_package]
    return ".".join([*base, *([node.module] if node.module else [])])


def targets(one: Import, known: dict[str, Module]) -> set[str]:
    """The known modules that an import reaches: ``from package import module`` reaches the module."""
    found = set()
    for name in one.names or ("",):
        full = f"{one.module}.{name}"
        found.add(full if full in known else one.module)
    return found & known.keys()


def floor(name: str, package: str = "polyvisor") -> int | None:
    """The number of the floor a module is on; None when it stands nowhere in the plan."""
    top = name.removeprefix(package).lstrip(".").partition(".")[0]
    return next((number for number, rooms in enumerate(FLOORS) if top in rooms), None)


def upward(known: dict[str, Module]) -> list[str]:
    """Every import of a module by one that stands below it, type-only imports and those in functions too."""
    return [
        f"{one.where} imports {target}, which stands above it"
        for module in known.values()
        for one in imports(module)
        for target in targets(one, known)
        if (floor(module.name) or 0) < (floor(target) or 0)
    ]


def circles(known: dict[str, Module]) -> list[str]:
    """Every circle of imports that run when the modules are imported."""
    edges = {
        module.name: {target for one in imports(module) if one.runs for target in targets(one, known)} - {module.name}
        for module in known.values()
    }
    found: list[str] = []
    done: set[str] = set()

    def walk(name: str, path: tuple[str, ...]) -> None:
        if name in path:
            found.append(" > ".join([*path[path.index(name) :], name]))
        elif name not in done:
            for target in sorted(edges[name]):
                walk(target, (*path, name))
            done.add(name)

    for name in edges:
        walk(name, ())
    return found


def trespasses(known: dict[str, Module], siblings: set[str]) -> list[str]:
    """Imports by a plugin of another plugin, or of what is not public in the core."""
    found = []
    for module in known.values():
        borrowed = set()
        for one in imports(module):
            top, _, rest = one.module.partition(".")
            if top in siblings:
                found.append(f"{one.where} imports another plugin, {top}")
            if top != "polyvisor":
                continue
            borrowed |= set(one.names) or {top}
            reached = [f"{rest}.{name}".lstrip(".") for name in one.names] or [rest]
            for path in reached:
                if path.partition(".")[0] not in PUBLIC:
                    found.append(f"{one.where} imports polyvisor.{path}, which is not public")
                elif any(part.startswith("_") for part in path.split(".")):
                    found.append(f"{one.where} imports the private name polyvisor.{path}")
        found += [f"{module.name} uses {name}" for name in private_attributes(module, borrowed)]
    return found


def private_attributes(module: Module, borrowed: set[str]) -> Iterator[str]:
    """Uses of ``x._private`` where ``x`` came from the core."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute) and node.attr.startswith("_") and not node.attr.endswith("__"):
            owner: ast.expr = node.value
            while isinstance(owner, ast.Attribute):
                owner = owner.value
            if isinstance(owner, ast.Name) and owner.id in borrowed:
                yield ast.unparse(node)


def strangers(known: dict[str, Module]) -> list[str]:
    """Imports of distributions that the package does not depend on."""
    found = []
    for module in known.values():
        own = module.name.partition(".")[0]
        allowed = {own} | set().union(
            *(names for prefix, names in BEYOND.items() if f"{module.name}.".startswith(f"{prefix}."))
        )
        for one in imports(module):
            top = one.module.partition(".")[0]
            if top not in allowed and top not in sys.stdlib_module_names:
                found.append(f"{one.where} imports {top}, which {own} does not depend on")
    return found


@pytest.fixture(scope="module")
def core() -> dict[str, Module]:
    return modules(CORE, "polyvisor")


def test_every_module_of_the_core_has_its_floor(core: dict[str, Module]) -> None:
    assert [name for name in core if floor(name) is None] == []


def test_nothing_imports_from_a_floor_above_its_own(core: dict[str, Module]) -> None:
    assert upward(core) == []


def test_imports_do_not_go_in_circles(core: dict[str, Module]) -> None:
    assert circles(core) == []


def test_the_core_imports_only_what_it_depends_on(core: dict[str, Module]) -> None:
    assert strangers(core) == []


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_plugin_uses_public_names_of_the_core_and_no_other_plugin(plugin: str) -> None:
    assert trespasses(modules(PLUGINS[plugin], plugin), PLUGINS.keys() - {plugin}) == []


@pytest.mark.parametrize("plugin", PLUGINS)
def test_a_plugin_imports_only_what_it_depends_on_and_without_circles(plugin: str) -> None:
    known = modules(PLUGINS[plugin], plugin)
    assert strangers(known) + circles(known) == []


def test_the_schemas_depend_on_nothing() -> None:
    assert strangers(modules(WORKSPACE / "schemas" / "src", "polyvisor_schemas")) == []


# -- the reader of imports is itself on trial ---------------------------------------------------------


def house(tmp_path: Path, package: str, **sources: str) -> dict[str, Module]:
    for name, text in sources.items():
        path = (tmp_path / package).joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return modules(tmp_path, package)


@pytest.mark.parametrize(
    "line",
    [
        "from polyvisor.objects import domain",
        "from polyvisor import objects",
        "import polyvisor.objects.domain",
        "from ..objects.domain import Domain",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from polyvisor.objects.domain import Domain",
        "def later():\n    from polyvisor.objects.domain import Domain",
    ],
)
def test_an_upward_import_is_seen_however_it_is_written(tmp_path: Path, line: str) -> None:
    known = house(tmp_path, "polyvisor", model__init="", model__disk=line, objects__domain="")
    (tmp_path / "polyvisor/objects/__init__.py").write_text("")
    known = modules(tmp_path, "polyvisor")
    assert len(upward(known)) == 1


def test_a_downward_import_is_no_fault(tmp_path: Path) -> None:
    assert upward(house(tmp_path, "polyvisor", model__disk="", objects__domain="import polyvisor.model.disk")) == []


def test_a_circle_is_seen_and_one_broken_by_a_late_import_is_none(tmp_path: Path) -> None:
    known = house(tmp_path, "polyvisor", host__a="import polyvisor.host.b", host__b="from polyvisor.host import a")
    assert circles(known) == ["polyvisor.host.a > polyvisor.host.b > polyvisor.host.a"]
    known = house(tmp_path, "polyvisor", host__b="def f():\n    from polyvisor.host import a")
    assert circles(known) == []


@pytest.mark.parametrize(
    "line",
    [
        "import polyvisor_test",
        "from polyvisor.documents.fields import _compile",
        "from polyvisor.documents._reader import read",
        "from polyvisor.services import audit",
        "from polyvisor import objects",
        "from polyvisor import documents\ndocuments._cache.clear()",
    ],
)
def test_a_trespassing_plugin_is_seen(tmp_path: Path, line: str) -> None:
    assert len(trespasses(house(tmp_path, "polyvisor_acme", driver=line), {"polyvisor_test"})) == 1


def test_an_undeclared_dependency_is_seen(tmp_path: Path) -> None:
    known = house(tmp_path, "polyvisor_qemu", driver="import requests, json, polyvisor.spi")
    assert [fault.rpartition(") ")[2] for fault in strangers(known)] == [
        "imports requests, which polyvisor_qemu does not depend on"
    ]
