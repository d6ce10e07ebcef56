"""Every error Polyvisor raises, with its stable code.

Each class has one reason to exist and a ``code`` that never changes meaning: programs act on the code
or the class, people read the message. :data:`CODES` lists them all; ``docs/reference/errors.md`` is
generated from it. ``str(error)`` is complete on its own: what, where, why and, when one is known, what
to do about it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol


class Fault(Protocol):
    """One thing that is wrong in a document, as :class:`InvalidDocument` carries it; ``documents`` makes them.

    ``str()`` of it is one line that a person can act on."""

    @property
    def path(self) -> str: ...
    @property
    def line(self) -> int | None: ...
    @property
    def message(self) -> str: ...
    @property
    def found(self) -> str | None: ...
    @property
    def expected(self) -> Sequence[str]: ...
    @property
    def nearest(self) -> str | None: ...
    def as_dict(self) -> dict[str, Any]: ...


class PolyvisorError(Exception):
    """The root of all of them.

    :param message: what happened and why, one sentence without a final full stop.
    :param operation: the operation that failed, by its hook name (``"start"``).
    :param target: the object concerned, as a person names it (``"domain 'web'"``).
    :param driver: name of the driver at work (``"qemu"``).
    :param hint: what the reader can do about it.
    :param details: further facts for programs; must be JSON-serialisable.
    """

    code = "error"

    def __init__(
        self,
        message: str,
        *,
        operation: str | None = None,
        target: str | None = None,
        driver: str | None = None,
        hint: str | None = None,
        details: dict[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.operation = operation
        self.target = target
        self.driver = driver
        self.hint = hint
        self.details = details or {}

    def __str__(self) -> str:
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def as_dict(self) -> dict[str, Any]:
        """The error as plain data, for ``--json`` and logs."""
        found: dict[str, Any] = {"code": self.code, "message": self.message}
        for key in ("operation", "target", "driver", "hint"):
            if value := getattr(self, key):
                found[key] = value
        if self.details:
            found["details"] = self.details
        if self.__cause__ is not None:
            found["cause"] = str(self.__cause__)
        return found


# -- what the caller asked for ------------------------------------------------------------------------


class InvalidArgument(PolyvisorError):
    """A value passed by the caller cannot be right, whatever the hypervisor."""

    code = "invalid-argument"


class InvalidURI(InvalidArgument):
    """The connection URI is malformed or names something its driver does not have."""

    code = "invalid-uri"


class UnknownScheme(InvalidURI):
    """No installed driver serves the URI's scheme."""

    code = "unknown-scheme"


class ConfigurationError(PolyvisorError):
    """A Polyvisor configuration file cannot be used; the message names file and key."""

    code = "configuration"


class InvalidDocument(PolyvisorError):
    """A document breaks its grammar or contradicts itself. ``faults`` has one entry for each fault."""

    code = "invalid-document"

    def __init__(self, message: str, *, faults: Sequence[Fault] = (), **context: Any) -> None:
        super().__init__(message, **context)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        return "\n".join([super().__str__(), *(f"  {fault}" for fault in self.faults)])

    def as_dict(self) -> dict[str, Any]:
        return {**super().as_dict(), "faults": [fault.as_dict() for fault in self.faults]}


class UnsupportedConfiguration(PolyvisorError):
    """The document is valid, but this driver or this host cannot provide what it asks for."""

    code = "unsupported-configuration"


# -- what the driver can do ---------------------------------------------------------------------------


class UnsupportedOperation(PolyvisorError):
    """The connection's driver does not implement the operation."""

    code = "unsupported-operation"


class UnsupportedOption(UnsupportedOperation):
    """The driver implements the operation but not the option that was asked for."""

    code = "unsupported-option"


# -- who may --------------------------------------------------------------------------------------------


class AccessDenied(PolyvisorError):
    """The connection's policy does not grant a permission that the operation needs."""

    code = "access-denied"


class ReadOnly(AccessDenied):
    """The connection was opened read-only and the operation changes something."""

    code = "read-only"


# -- objects and their states -----------------------------------------------------------------------------


class NotFound(PolyvisorError):
    """There is no such object."""

    code = "not-found"


class NoSuchDomain(NotFound):
    """There is no such domain, or no longer."""

    code = "no-such-domain"


class NoSuchSnapshot(NotFound):
    """The domain has no such snapshot."""

    code = "no-such-snapshot"


class NoSuchCheckpoint(NotFound):
    """The domain has no such checkpoint."""

    code = "no-such-checkpoint"


class NoSuchNetwork(NotFound):
    """No network has that name."""

    code = "no-such-network"


class NoSuchDevice(NotFound):
    """The domain has no such device (disk, interface, console, ...)."""

    code = "no-such-device"


class NoSuchMetadata(NotFound):
    """The domain has no metadata of that kind."""

    code = "no-such-metadata"


class AlreadyExists(PolyvisorError):
    """The name, the UUID or the file is taken."""

    code = "already-exists"


class InvalidState(PolyvisorError):
    """The object is not in a state that allows the operation (start of a running domain, ...)."""

    code = "invalid-state"


class Busy(PolyvisorError):
    """Another process or job holds the object, and did not let go within the time allowed."""

    code = "busy"


# -- time -------------------------------------------------------------------------------------------------


class OperationTimeout(PolyvisorError):
    """The hypervisor or the guest did not answer within the time allowed."""

    code = "timeout"


class OperationCancelled(PolyvisorError):
    """The job was cancelled by its owner."""

    code = "cancelled"


# -- the world below --------------------------------------------------------------------------------------


class ConnectFailed(PolyvisorError):
    """The driver could not reach its hypervisor."""

    code = "connect-failed"


class ConnectionClosed(PolyvisorError):
    """The connection was closed, by this program or by the other side."""

    code = "connection-closed"


class HypervisorError(PolyvisorError):
    """The hypervisor refused or failed; its own words are in the message, its own code in ``details``."""

    code = "hypervisor"


class HostError(PolyvisorError):
    """The host's operating system refused (no permission, disk full, missing file, ...)."""

    code = "host"


class StateError(PolyvisorError):
    """What is on disk cannot be used: damaged, or written by a newer version."""

    code = "state"


class PluginError(PolyvisorError):
    """A plugin is blocked, cannot be imported, or was built for another version of the hooks."""

    code = "plugin"


class DriverFault(PolyvisorError):
    """A driver broke its contract: an exception of no documented kind, or a wrong type of result.

    The original exception is the ``__cause__``. It is a defect of that driver; the message says which."""

    code = "driver-fault"


def _tree(root: type[PolyvisorError]) -> Iterator[type[PolyvisorError]]:
    yield root
    for branch in root.__subclasses__():
        yield from _tree(branch)


CODES: dict[str, type[PolyvisorError]] = {error.code: error for error in _tree(PolyvisorError)}
"""Every code and its class."""
