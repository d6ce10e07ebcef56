"""Finding, loading and calling plugins.

Drivers are found by entry points of the group ``polyvisor.drivers``. **The entry point's name is the URI scheme**;
a driver that serves several schemes has an entry point for each, all naming the same object. Nothing is imported
to find out what is installed: a connection imports its own driver and no other.

Plugins of the group ``polyvisor.extensions`` are loaded whenever a driver is, and may wrap any operation of any
driver (``@hookimpl(wrapper=True)``): quotas, naming rules, tracing, approvals.
"""

from __future__ import annotations

import logging
import threading
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pluggy

from polyvisor.entrypoints import EntryPoint, installed
from polyvisor.errors import PluginError, UnknownScheme, UnsupportedOperation, UnsupportedOption
from polyvisor.operations.contributions import CONTRIBUTIONS
from polyvisor.operations.declaration import HOOKS_VERSION, OPERATIONS, PROJECT, Operation
from polyvisor.operations.deprecation import DEPRECATIONS, used

if TYPE_CHECKING:
    from polyvisor.documents.owners import Owners

DRIVERS = "polyvisor.drivers"
EXTENSIONS = "polyvisor.extensions"
DOCUMENTS = "polyvisor.documents"

PACKAGES: Mapping[str, str] = {
    "qemu": "polyvisor-qemu",
    "test": "polyvisor-test",
    "xen": "polyvisor-xen",
    "lxc": "polyvisor-lxc",
    "esx": "polyvisor-esx",
    "gsx": "polyvisor-esx",
    "vpx": "polyvisor-esx",
    "hyperv": "polyvisor-hyperv",
    "bhyve": "polyvisor-bhyve",
}
"""Schemes of drivers we know of, and the distribution that brings each."""

log = logging.getLogger(__name__)
logging.getLogger("polyvisor").addHandler(logging.NullHandler())  # a library prints nothing unless asked
_hookspec = pluggy.HookspecMarker(PROJECT)


@dataclass(frozen=True)
class Installed:
    """An installed driver as ``polyvisor drivers`` shows it. ``problem`` says why it cannot be used."""

    name: str
    schemes: tuple[str, ...]
    distribution: str
    version: str
    value: str
    blocked: bool = False


class LoadedDriver:
    """A driver in use: the plugin object and what it implements."""

    def __init__(self, plugin: Any, name: str, schemes: tuple[str, ...]) -> None:
        self.plugin = plugin
        self.name = name
        self.schemes = schemes
        self.implements = frozenset(_implemented(plugin))

    def __repr__(self) -> str:
        return f"<driver {self.name}: {len(self.implements)} hooks>"


def _implemented(plugin: Any) -> Iterable[str]:
    for name in dir(plugin):
        options = getattr(getattr(plugin, name, None), PROJECT + "_impl", None)
        if isinstance(options, dict) and not options.get("wrapper") and not options.get("hookwrapper"):
            yield options.get("specname") or name


def check_hooks_version(plugin: Any, name: str) -> None:
    """Raise PluginError unless ``plugin.hooks_version`` is one that this core serves.

    The same major serves; a newer minor is told in the log, for what came with it is not there."""
    stated = getattr(plugin, "hooks_version", None)
    if not (isinstance(stated, tuple) and len(stated) == 2 and all(isinstance(part, int) for part in stated)):
        raise PluginError(
            f"plugin {name} does not say for which version of the hooks it was built",
            hint=f"it needs an attribute hooks_version = {HOOKS_VERSION}",
        )
    ours = f"{HOOKS_VERSION[0]}.{HOOKS_VERSION[1]}"
    if stated[0] != HOOKS_VERSION[0]:
        which = "a newer polyvisor" if stated[0] > HOOKS_VERSION[0] else f"a newer version of {name}"
        raise PluginError(
            f"plugin {name} was built for version {stated[0]}.{stated[1]} of the hooks, this is version {ours}",
            hint=f"install {which}",
        )
    if _newer(plugin):
        log.warning("plugin %s was built for hooks %d.%d, this is %s: it may miss newer ones", name, *stated, ours)


def _newer(plugin: Any) -> bool:
    """Whether the plugin was built for a newer minor version of the hooks than this one."""
    stated: tuple[int, int] = plugin.hooks_version
    return stated > HOOKS_VERSION


def deprecated_uses(plugin: Any, name: str) -> Iterator[tuple[Callable[..., Any], str]]:
    """What ``plugin`` implements that goes away: the method, and a sentence that names the plugin."""
    if not DEPRECATIONS:
        return  # costs nothing while there is nothing to tell
    methods = {hook: _function(getattr(plugin, hook)) for hook in dir(plugin) if _is_hook(getattr(plugin, hook, None))}
    taken = {hook: method.__code__.co_varnames[: method.__code__.co_argcount] for hook, method in methods.items()}
    for hook, entry in used(taken, DEPRECATIONS):
        yield methods[hook], f"plugin {name} implements {entry.what}, which {entry.verdict}"


def _is_hook(attribute: object) -> bool:
    return isinstance(getattr(attribute, PROJECT + "_impl", None), dict)


def _function(method: Any) -> Any:
    return getattr(method, "__func__", method)


def _warn_of_deprecated(plugin: Any, name: str) -> None:
    """A DeprecationWarning for each such use, at the line of the driver that has it."""
    for method, sentence in deprecated_uses(plugin, name):
        import warnings

        code = method.__code__
        warnings.warn_explicit(
            sentence, DeprecationWarning, code.co_filename, code.co_firstlineno, module=method.__module__
        )


class Plugins:
    """The plugins of one process (or of one test): discovery, blocking, order, dispatch.

    :param block: names (URI schemes of drivers, entry-point names of extensions, or distributions) not to be
        loaded.
    :param order: names of extensions, outermost wrapper first; those not named come after them, by name.
    :param find: where entry points come from; the environment unless a test says otherwise.
    """

    def __init__(
        self,
        *,
        block: Iterable[str] = (),
        order: Sequence[str] = (),
        find: Callable[[str], list[EntryPoint]] = installed,
    ) -> None:
        self.block = frozenset(block)
        self.order = tuple(order)
        self._find = find
        self._lock = threading.RLock()
        self._manager = pluggy.PluginManager(PROJECT)
        self._specified: set[str] = set()
        self._loaded: dict[str, LoadedDriver] = {}
        self._callers: dict[tuple[str, str], pluggy.HookCaller] = {}
        self._points: list[EntryPoint] | None = None
        self._extended = False
        self._shared: Owners | None = None

    # -- what there is --------------------------------------------------------------------------------

    def _blocked(self, point: EntryPoint) -> bool:
        return point.name in self.block or point.distribution in self.block

    def _driver_points(self) -> list[EntryPoint]:
        if self._points is None:
            self._points = self._find(DRIVERS)
        return self._points

    def drivers(self) -> list[Installed]:
        """Every installed driver, blocked ones too, without importing any."""
        grouped: dict[str, list[EntryPoint]] = {}
        for point in self._driver_points():
            grouped.setdefault(point.value, []).append(point)
        found = [
            Installed(
                name=points[0].name,
                schemes=tuple(point.name for point in points),
                distribution=points[0].distribution,
                version=points[0].version,
                value=value,
                blocked=any(self._blocked(point) for point in points),
            )
            for value, points in grouped.items()
        ]
        known = {name for entry in found for name in entry.schemes}
        found += [
            Installed(driver.name, driver.schemes, "(registered)", "", type(driver.plugin).__qualname__)
            for driver in {id(driver): driver for driver in self._loaded.values()}.values()
            if driver.schemes[0] not in known
        ]
        return sorted(found, key=lambda entry: entry.name)

    def schemes(self) -> list[str]:
        """URI schemes that can be opened."""
        usable = [scheme for entry in self.drivers() if not entry.blocked for scheme in entry.schemes]
        return sorted(set(usable))

    # -- what they bring to documents --------------------------------------------------------------------

    def shared_documents(self) -> Owners:
        """What packages bring to documents that hold no driver: networks and pools are alike on many connections."""
        if self._shared is None:
            from polyvisor.documents.owners import Owners

            self._shared = Owners(block=self.block, find=self._find, elsewhere=self._is_drivers)
        return self._shared

    def _is_drivers(self, point: EntryPoint) -> bool:
        """Whether an entry point belongs to a driver's distribution, or to one that has its driver yet to come."""
        drivers = {driver.distribution for driver in self._driver_points()}
        return point.distribution in drivers or point.distribution in PACKAGES.values()

    # -- loading ----------------------------------------------------------------------------------------

    def register_driver(self, plugin: Any) -> LoadedDriver:
        """Use ``plugin`` as a driver without an entry point: for tests, and for programs that bring their own."""
        name = getattr(plugin, "name", None) or type(plugin).__name__
        check_hooks_version(plugin, name)
        _warn_of_deprecated(plugin, name)
        driver = LoadedDriver(plugin, name, tuple(getattr(plugin, "schemes", ()) or (name,)))
        with self._lock:
            self._register(plugin, f"driver:{name}")
            for scheme in driver.schemes:
                self._loaded[scheme] = driver
            self._callers.clear()
        return driver

    def register_extension(self, plugin: Any, name: str | None = None) -> None:
        """Use ``plugin`` around every driver."""
        name = name or getattr(plugin, "name", None) or type(plugin).__name__
        check_hooks_version(plugin, name)
        _warn_of_deprecated(plugin, name)
        with self._lock:
            self._register(plugin, f"extension:{name}")
            self._callers.clear()

    def _register(self, plugin: Any, name: str) -> None:
        try:
            self._manager.register(plugin, name)
        except (ValueError, pluggy.PluginValidationError) as error:
            raise PluginError(f"{name.replace(':', ' ')} cannot be used: {error}") from error

    def driver(self, scheme: str) -> LoadedDriver:
        """The driver of ``scheme``, imported on first use.

        Raises UnknownScheme when none is installed, PluginError when it is blocked or broken."""
        if found := self._loaded.get(scheme):
            return found
        with self._lock:
            if found := self._loaded.get(scheme):
                return found
            point = next((point for point in self._driver_points() if point.name == scheme), None)
            if point is None:
                raise self._unknown(scheme)
            if self._blocked(point):
                raise PluginError(
                    f"the driver for {scheme}:// is blocked by configuration",
                    hint="take it out of [plugins] block in polyvisor.toml, or out of POLYVISOR_BLOCK",
                )
            plugin = self._import(point)
            schemes = tuple(other.name for other in self._driver_points() if other.value == point.value)
            driver = LoadedDriver(plugin, getattr(plugin, "name", None) or point.name, schemes)
            self._register(plugin, f"driver:{driver.name}")
            self._loaded.update(dict.fromkeys(schemes, driver))
            self._callers.clear()
            return driver

    def _import(self, point: EntryPoint) -> Any:
        try:
            plugin = point.load()
        except Exception as error:
            raise PluginError(
                f"plugin {point.name} of {point.distribution} {point.version} cannot be imported: "
                f"{type(error).__name__}: {error}",
                hint=_hint_for_broken_import(point, error),
                details={"entry_point": f"{point.name} = {point.value}"},
            ) from error
        label = f"{point.name} ({point.distribution} {point.version})"
        check_hooks_version(plugin, label)
        _warn_of_deprecated(plugin, label)
        return plugin

    def _unknown(self, scheme: str) -> UnknownScheme:
        import difflib

        known = self.schemes()
        if package := PACKAGES.get(scheme):
            there = any(point.distribution == package for point in self._find(DOCUMENTS))
            hint = f"{package} is installed, but holds no driver yet" if there else f"pip install {package}"
        elif near := difflib.get_close_matches(scheme, [*known, *PACKAGES], n=1):
            hint = f"did you mean {near[0]}://?"
        else:
            hint = "drivers come in packages of their own, such as polyvisor-qemu"
        return UnknownScheme(
            f"no installed driver serves {scheme}:// URIs; known schemes: {', '.join(known) or 'none'}",
            hint=hint,
            details={"scheme": scheme, "known": known},
        )

    def load_extensions(self) -> None:
        """Import and register the installed extensions, once. Raises PluginError for a broken one: an extension
        may guard something, so going on without it would be wrong."""
        with self._lock:
            if self._extended:
                return
            self._extended = True
            points = [point for point in self._find(EXTENSIONS) if not self._blocked(point)]
            rank = {name: position for position, name in enumerate(self.order)}
            points.sort(key=lambda point: (rank.get(point.name, len(rank)), point.name))
            for point in reversed(points):  # pluggy calls the last one registered first
                plugin = self._import(point)
                self._refuse_unknown_hooks(plugin, point.name)
                self._register(plugin, f"extension:{point.name}")

    @staticmethod
    def _refuse_unknown_hooks(plugin: Any, name: str) -> None:
        """A wrapper around an operation that does not exist would guard nothing, silently."""
        from polyvisor.operations.catalogue import every

        hooks = {hook for hook in dir(plugin) if hasattr(getattr(plugin, hook, None), PROJECT + "_impl")}
        if unknown := sorted(hooks - every().keys() - CONTRIBUTIONS.keys()):
            raise PluginError(f"extension {name} wraps {', '.join(unknown)}, which is no operation")

    # -- calling ------------------------------------------------------------------------------------------

    def _specify(self, name: str) -> None:
        """Give pluggy the specification of one hook."""
        if name in self._specified:
            return
        self._specified.add(name)
        spec: Any
        if (contributed := CONTRIBUTIONS.get(name)) is not None:
            spec = _hookspec(types.FunctionType(contributed.__code__, contributed.__globals__, name))
        else:
            spec = _hookspec(OPERATIONS[name].specification(), firstresult=True)
        namespace: Any = SimpleNamespace(**{name: spec})
        try:
            self._manager.add_hookspecs(namespace)
        except pluggy.PluginValidationError as error:  # one plugin's fault must not stop the others
            log.warning("%s", error)

    def _caller(self, driver: LoadedDriver, name: str) -> Any:
        if (caller := self._callers.get((driver.name, name))) is None:
            with self._lock:
                self._specify(name)
                others = [other.plugin for other in self._loaded.values() if other is not driver]
                caller = self._manager.subset_hook_caller(name, others)
                if problem := next(self._misfits(caller), None):
                    hint = "it was built for newer hooks: install a newer polyvisor" if _newer(driver.plugin) else None
                    raise PluginError(problem, operation=name, driver=driver.name, hint=hint)
                self._callers[driver.name, name] = caller
        return caller

    @staticmethod
    def _misfits(caller: pluggy.HookCaller) -> Iterator[str]:
        """What is wrong with the arguments of the implementations of one hook."""
        declared = caller.spec.argnames if caller.spec else ()
        for implementation in caller.get_hookimpls():
            if unknown := [name for name in implementation.argnames if name not in declared]:
                yield (
                    f"{implementation.plugin_name.replace(':', ' ')} implements {caller.name} with arguments that "
                    f"it is not declared with: {', '.join(unknown)}"
                )

    def call(self, driver: LoadedDriver, operation: Operation, arguments: Mapping[str, Any]) -> Any:
        """Call ``operation`` on ``driver`` with every extension around it.

        Raises UnsupportedOperation when the driver does not implement it, UnsupportedOption when an option that
        differs from its default is none the driver takes."""
        if operation.name not in driver.implements:
            raise UnsupportedOperation(
                f"the {driver.name} driver does not support {operation.capability} ({operation.name})",
                operation=operation.name,
                driver=driver.name,
                hint="connection.supports() and 'polyvisor drivers --matrix' tell what a driver supports",
            )
        caller = self._caller(driver, operation.name)
        self._refuse_ignored_options(driver, operation, arguments)
        return caller(**arguments)

    def _refuse_ignored_options(self, driver: LoadedDriver, operation: Operation, arguments: Mapping[str, Any]) -> None:
        asked = [key for key, default in operation.options.items() if arguments.get(key, default) != default]
        if not asked:
            return
        taken = self.options_taken(driver, operation)
        for option in asked:
            if option not in taken:
                raise UnsupportedOption(
                    f"the {driver.name} driver's {operation.name} has no option {option!r}",
                    operation=operation.name,
                    driver=driver.name,
                    hint=f"options it has: {', '.join(sorted(taken)) or 'none'}",
                    details={"option": option},
                )

    def options_taken(self, driver: LoadedDriver, operation: Operation) -> frozenset[str]:
        """The options of ``operation`` that the driver's implementation takes."""
        method = getattr(driver.plugin, operation.name, None)
        code = getattr(method, "__code__", None) or method.__func__.__code__  # type: ignore[union-attr]
        return frozenset(code.co_varnames[: code.co_argcount]) & operation.options.keys()

    def contribute(self, driver: LoadedDriver, name: str, **arguments: Any) -> list[Any]:
        """Call a contribution hook on ``driver`` (and the extensions); the results that are not None."""
        caller = self._caller(driver, name)
        if not caller.get_hookimpls():
            return []
        result: list[Any] = caller(**arguments)
        return result

    def verify(self, driver: LoadedDriver, operations: Mapping[str, Operation]) -> list[str]:
        """What is wrong with the driver's hooks: unknown names, arguments that no declaration has."""
        reason = "which came with newer hooks than these" if _newer(driver.plugin) else "which is no operation"
        problems = [
            f"implements {name}, {reason}"
            for name in sorted(driver.implements - operations.keys() - CONTRIBUTIONS.keys())
        ]
        for name in sorted(driver.implements & operations.keys()):
            try:
                self._caller(driver, name)
            except PluginError as error:
                problems.append(error.message)
        return problems + [sentence for _, sentence in deprecated_uses(driver.plugin, driver.name)]


def _hint_for_broken_import(point: EntryPoint, error: Exception) -> str:
    if isinstance(error, ImportError) and (error.name or "").startswith("polyvisor."):
        return f"{point.distribution} may need a newer polyvisor, or a name of it that is gone: upgrade both"
    return f"reinstall {point.distribution}, or block it"
