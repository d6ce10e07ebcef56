"""Making methods out of operations, with the operation's own signature and documentation.

``start = domain_method(lifecycle.start)`` in a class body is all there is to write: type checkers see the
declaration's signature without ``session`` and ``domain``; at run time the subject's module is imported when the
method is first used.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from polyvisor.operations.declaration import Operation, declared
from polyvisor.operations.records import DomainRef
from polyvisor.operations.session import Session

if TYPE_CHECKING:
    from polyvisor.operations.checkpoints import CheckpointRef
    from polyvisor.operations.snapshots import SnapshotRef

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class _Deferred:
    """Stands for ``subject.name`` until somebody needs it."""

    def __init__(self, subject: str, name: str) -> None:
        self.subject, self.name = subject, name

    def resolve(self) -> Callable[..., Any]:
        function: Callable[..., Any] = getattr(
            importlib.import_module(f"polyvisor.operations.{self.subject}"), self.name
        )
        return function


class Subject:
    """A subject module of operations that is imported when one of its operations is used."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        return _Deferred(self._name, name)


class _Method:
    """A method of the face: calls its operation on the connection behind the object."""

    def __init__(self, source: Any, leading: int) -> None:
        self._source = source
        self._leading = leading
        self._operation: Operation | None = None

    @property
    def operation(self) -> Operation:
        """The declaration behind the method."""
        if self._operation is None:
            function = self._source.resolve() if isinstance(self._source, _Deferred) else self._source
            self._operation = declared(function)
        return self._operation

    @property
    def __doc__(self) -> str | None:  # type: ignore[override]
        return self.operation.function.__doc__

    def __get__(self, instance: Any, owner: type | None = None) -> Any:
        if instance is None:
            return self
        operation = self.operation

        def method(*positional: Any, **keywords: Any) -> Any:
            job = keywords.pop("job", None) if operation.job else None
            return instance._call(operation, self._named(positional, keywords), job)

        method.__name__ = method.__qualname__ = operation.name
        method.__doc__ = operation.function.__doc__
        return method

    def _named(self, positional: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
        """The arguments by name; TypeError, worded as Python's own, when they do not fit."""
        operation = self.operation
        names = operation.arguments[self._leading :]
        if len(positional) > len(names):
            raise TypeError(
                f"{operation.name}() takes {len(names)} positional arguments but {len(positional)} were given"
            )
        arguments = dict(zip(names, positional, strict=False))
        for name, value in keywords.items():
            if name in arguments:
                raise TypeError(f"{operation.name}() got multiple values for argument {name!r}")
            if name not in names and name not in operation.options:
                raise TypeError(f"{operation.name}() got an unexpected keyword argument {name!r}")
            arguments[name] = value
        if missing := [name for name in names if name not in arguments and name not in operation.options]:
            raise TypeError(f"{operation.name}() is missing arguments: {', '.join(missing)}")
        return arguments


def connection_method(
    function: Callable[Concatenate[Session, Arguments], Result],
) -> Callable[Concatenate[Any, Arguments], Result]:
    """A method from an operation on the session alone."""
    return _Method(function, 1)  # type: ignore[return-value]


def domain_method(
    function: Callable[Concatenate[Session, DomainRef, Arguments], Result],
) -> Callable[Concatenate[Any, Arguments], Result]:
    """A method from an operation on one domain."""
    return _Method(function, 2)  # type: ignore[return-value]


def snapshot_method(
    function: Callable[Concatenate[Session, SnapshotRef, Arguments], Result],
) -> Callable[Concatenate[Any, Arguments], Result]:
    """A method from an operation on one snapshot."""
    return _Method(function, 2)  # type: ignore[return-value]


def checkpoint_method(
    function: Callable[Concatenate[Session, CheckpointRef, Arguments], Result],
) -> Callable[Concatenate[Any, Arguments], Result]:
    """A method from an operation on one checkpoint."""
    return _Method(function, 2)  # type: ignore[return-value]
