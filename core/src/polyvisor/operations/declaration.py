"""What an operation is: one typed, documented function and the facts around it.

::

    @operation(capability="domain.start", permission="domain:start", changes=True, raises=(InvalidState, NoSuchDomain))
    def start(session: Session, domain: DomainRef, *, paused: bool = False) -> None:
        '''Boot a defined guest; returns when the hypervisor runs it.'''

The function is never called. Its signature is the contract: ``session`` and the object come first, options are
keyword-only with defaults. From it are made the pluggy hookspec, the method of the typed face, the permission
check, the audit record, the support matrix and the reference page.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pluggy

from polyvisor.errors import PolyvisorError

PROJECT = "polyvisor"
"""Name under which pluggy knows our hooks."""

HOOKS_VERSION = (1, 0)
"""Version of the contract with plugins, apart from the product's: (major, minor).

A minor version only adds: hooks, options with defaults, fields with defaults, names. A plugin that states an older
minor works as it is; one that states a newer minor is used with a warning, without what this version lacks; one that
states another major is refused by name. scripts/driver_interface.py tells which number a change takes."""

STORES = {f"affect={affect}": "domain:save" for affect in ("current", "config", "both")}
"""``extra_permissions`` of operations that change the stored configuration unless they are told ``affect="live"``."""

READING = frozenset({"getattr", "read", "search_domains"})
"""Verbs of permissions that a read-only connection may use. ``read_secure`` is not one: it shows passwords."""

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Operation:
    """The declaration of one operation.

    ``capability`` is what clients ask for with ``connection.supports()``; ``options`` are the keyword-only
    arguments with their defaults; ``documents`` maps an argument that takes a document to the document's kind:
    callers may pass text, drivers always get the model object. ``extra_permissions`` maps an option to the
    permission it needs on top: ``"secure"`` when the option is given a true value, ``"affect=config"`` when it
    has that value. ``secrets`` are arguments that no log and no audit record may show. Of the arguments ``one_of``
    a call gives exactly one; ``checks`` maps an argument to a function (``"module:name"``) that raises
    InvalidArgument for values that are wrong on every hypervisor. Drivers need check neither.
    """

    name: str
    subject: str
    function: Callable[..., Any]
    capability: str
    permission: tuple[str, ...]
    changes: bool
    raises: tuple[type[PolyvisorError], ...] = ()
    job: bool = False
    documents: Mapping[str, str] = field(default_factory=dict)
    extra_permissions: Mapping[str, str] = field(default_factory=dict)
    secrets: frozenset[str] = frozenset()
    one_of: tuple[str, ...] = ()
    checks: Mapping[str, str] = field(default_factory=dict)
    arguments: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=dict)

    @property
    def on_domain(self) -> bool:
        """True when the operation is about one domain."""
        return "domain" in self.arguments

    def specification(self) -> Callable[..., Any]:
        """The function pluggy takes as hookspec: every argument an ordinary one."""
        code = self.function.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        plain = code.replace(co_argcount=len(names), co_kwonlyargcount=0, co_nlocals=len(names), co_varnames=names)
        return types.FunctionType(plain, self.function.__globals__, self.name)

    def permissions_for(self, options: Mapping[str, Any]) -> tuple[str, ...]:
        """Every permission that a call with these options needs; options left out count with their defaults."""
        given = {**self.options, **options}
        extra = (permission for key, permission in self.extra_permissions.items() if _asked(given, key))
        return tuple(dict.fromkeys((*self.permission, *extra)))

    def open_to_readers(self, options: Mapping[str, Any]) -> bool:
        """Whether a read-only connection may make this call."""
        extra = set(self.permissions_for(options)).difference(self.permission)
        return not self.changes and all(permission.partition(":")[2] in READING for permission in extra)

    @property
    def summary(self) -> str:
        """The first sentence of the documentation."""
        return (inspect.getdoc(self.function) or "").partition("\n")[0]


def _asked(options: Mapping[str, Any], key: str) -> bool:
    name, valued, value = key.partition("=")
    return str(options.get(name)) == value if valued else bool(options.get(name))


OPERATIONS: dict[str, Operation] = {}
"""Every declared operation by name, in order of declaration. Filled by importing ``polyvisor.operations``."""


def operation(
    *,
    capability: str,
    permission: str | Iterable[str],
    changes: bool = False,
    raises: Iterable[type[PolyvisorError]] = (),
    documents: Mapping[str, str] | None = None,
    extra_permissions: Mapping[str, str] | None = None,
    secrets: Iterable[str] = (),
    one_of: Iterable[str] = (),
    checks: Mapping[str, str] | None = None,
) -> Callable[[Function], Function]:
    """Declare the decorated function as an operation.

    :param changes: False for operations that a read-only connection may call.

    Long work has an option ``job``: the caller may pass one to watch and cancel the work by, the driver is always
    handed one, a :class:`~polyvisor.operations.jobs.JobControl`.
    """

    def declare(function: Function) -> Function:
        code = function.__code__
        positional = code.co_varnames[: code.co_argcount]
        keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
        name = function.__name__
        if name in OPERATIONS:
            raise ValueError(f"operation {name} is declared twice")
        declared = Operation(
            name=name,
            subject=function.__module__.rpartition(".")[2],
            function=function,
            capability=capability,
            permission=(permission,) if isinstance(permission, str) else tuple(permission),
            changes=changes,
            raises=tuple(raises),
            job="job" in keywords,
            documents=dict(documents or {}),
            extra_permissions=dict(extra_permissions or {}),
            secrets=frozenset(secrets),
            one_of=tuple(one_of),
            checks=dict(checks or {}),
            arguments=positional,
            options=_defaults(function, positional, keywords),
        )
        function.operation = declared  # type: ignore[attr-defined]
        OPERATIONS[name] = declared
        return function

    return declare


def _defaults(function: Callable[..., Any], positional: tuple[str, ...], keywords: tuple[str, ...]) -> dict[str, Any]:
    values = function.__defaults__ or ()
    optional = dict(zip(positional[len(positional) - len(values) :], values, strict=True))
    return {**optional, **{key: (function.__kwdefaults__ or {})[key] for key in keywords if key != "job"}}


def declared(function: Callable[..., Any]) -> Operation:
    """The declaration behind a hookspec function."""
    found: Operation = function.operation  # type: ignore[attr-defined]
    return found


def positional_twin(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function`` with its keyword-only parameters made ordinary ones without defaults.

    pluggy hands over arguments by name but sees only ordinary parameters; this lets hookspecs and hook
    implementations be written with keyword-only options all the same.
    """
    code = function.__code__
    if not code.co_kwonlyargcount and not function.__defaults__:
        return function
    plain = code.replace(co_argcount=code.co_argcount + code.co_kwonlyargcount, co_kwonlyargcount=0)
    twin = types.FunctionType(plain, function.__globals__, function.__name__, None, function.__closure__)
    twin.__dict__.update(function.__dict__)
    twin.__doc__, twin.__qualname__, twin.__module__ = function.__doc__, function.__qualname__, function.__module__
    return twin


_marker = pluggy.HookimplMarker(PROJECT)


def hookimpl(
    function: Function | None = None,
    /,
    *,
    wrapper: bool = False,
    tryfirst: bool = False,
    trylast: bool = False,
    specname: str | None = None,
) -> Any:
    """Mark a method as the implementation of the operation of the same name, or a wrapper around it.

    A driver's method takes the arguments it needs, by their names in the declaration; an option it does not
    take is an option it does not have, and callers who ask for it get UnsupportedOption. ``wrapper=True`` marks
    a generator that runs around every driver's implementation: it yields once, receives the result (or the
    exception) and returns what the caller shall see.
    """

    def mark(method: Function) -> Any:
        twin, kind = positional_twin(method), {}
        if wrapper:
            from polyvisor.operations.wrapping import NATIVE, outcome_wrapper

            twin, kind = (twin, {"wrapper": True}) if NATIVE else (outcome_wrapper(twin), {"hookwrapper": True})
        return _marker(twin, tryfirst=tryfirst, trylast=trylast, specname=specname, **kind)

    return mark if function is None else mark(function)
