"""Putting a running guest into a file and back; pictures and dumps of it.

Paths are on the hypervisor's host and absolute.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from polyvisor.errors import (
    AlreadyExists,
    HostError,
    HypervisorError,
    InvalidArgument,
    InvalidDocument,
    InvalidState,
    NoSuchDevice,
    NoSuchDomain,
    NotFound,
    OperationCancelled,
    StateError,
    UnsupportedConfiguration,
)
from polyvisor.operations.declaration import operation
from polyvisor.operations.jobs import JobControl
from polyvisor.operations.records import DomainRef
from polyvisor.operations.session import Session

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain


class DumpFormat(StrEnum):
    """Formats of a memory-only dump; the values are those of ``virsh dump --format``."""

    ELF = "elf"
    KDUMP_ZLIB = "kdump-zlib"
    KDUMP_LZO = "kdump-lzo"
    KDUMP_SNAPPY = "kdump-snappy"
    WINDOWS = "win-dmp"


@dataclass(frozen=True, slots=True)
class Screenshot:
    """A picture: its media type (``image/png``, ``image/x-portable-pixmap``) and its bytes."""

    media_type: str
    data: bytes


@operation(
    capability="save.to-file",
    permission="domain:hibernate",
    changes=True,
    raises=(
        NoSuchDomain,
        InvalidState,
        InvalidArgument,
        InvalidDocument,
        UnsupportedConfiguration,
        HostError,
        OperationCancelled,
        HypervisorError,
    ),
    documents={"config": "domain"},
)
def save(
    session: Session,
    domain: DomainRef,
    path: str,
    *,
    config: Domain | str | bytes | None = None,
    paused: bool | None = None,
    bypass_cache: bool = False,
    format: str | None = None,
    parallel: int = 1,
    job: JobControl | None = None,
) -> None:
    """Write the guest's memory and configuration to ``path`` and stop it; ``restore`` takes it up again.

    When it fails or is cancelled the guest runs on and no file is left. ``config`` replaces the configuration in
    the file, in what a guest does not notice; ``paused`` True or False says how it is restored, whatever it was.
    ``format`` is the hypervisor's (``raw``, ``sparse``, ``gzip``, ``zstd``, ...); ``parallel`` writers share the
    work in formats that can."""
    raise NotImplementedError


@operation(
    capability="save.restore",
    permission=("domain:start", "domain:write"),
    changes=True,
    raises=(
        NotFound,
        AlreadyExists,
        InvalidState,
        InvalidArgument,
        InvalidDocument,
        StateError,
        UnsupportedConfiguration,
        HostError,
        OperationCancelled,
        HypervisorError,
    ),
    documents={"config": "domain"},
)
def restore(
    session: Session,
    path: str,
    *,
    config: Domain | str | bytes | None = None,
    paused: bool | None = None,
    bypass_cache: bool = False,
    reset_nvram: bool = False,
    parallel: int = 1,
    job: JobControl | None = None,
) -> DomainRef:
    """Take up a guest from a file of ``save``; the file stays. Options as there.

    Raises NotFound when there is no file, StateError when it is not one of ``save``, AlreadyExists when the name
    belongs to another domain, InvalidState when the domain runs."""
    raise NotImplementedError


@operation(
    capability="save.image-edit",
    permission="domain:write",
    changes=True,
    raises=(NotFound, StateError, HostError),
    extra_permissions={"secure": "domain:read_secure"},
)
def save_image_config(session: Session, path: str, *, secure: bool = False) -> Domain:
    """The configuration in a file of ``save``; ``secure`` includes passwords.

    Closed to read-only connections: it opens a file that the caller names."""
    raise NotImplementedError


@operation(
    capability="save.image-edit.set",
    permission=("domain:write", "domain:hibernate"),
    changes=True,
    raises=(NotFound, StateError, InvalidDocument, UnsupportedConfiguration, HostError),
    documents={"config": "domain"},
)
def set_save_image_config(
    session: Session, path: str, config: Domain | str | bytes, *, paused: bool | None = None
) -> None:
    """Replace the configuration in a file of ``save``, in what a guest does not notice; whole or not at all.

    ``paused`` True or False says how it is restored; None leaves that."""
    raise NotImplementedError


@operation(
    capability="save.core-dump",
    permission="domain:core_dump",
    changes=True,
    raises=(
        NoSuchDomain,
        InvalidState,
        InvalidArgument,
        UnsupportedConfiguration,
        HostError,
        OperationCancelled,
        HypervisorError,
    ),
    extra_permissions={"crash": "domain:stop", "reset": "domain:reset"},
)
def core_dump(
    session: Session,
    domain: DomainRef,
    path: str,
    *,
    live: bool = False,
    crash: bool = False,
    reset: bool = False,
    memory_only: bool = False,
    bypass_cache: bool = False,
    format: DumpFormat | None = None,
    job: JobControl | None = None,
) -> None:
    """Write the guest's memory to a file for a debugger.

    The guest is paused meanwhile unless ``live``, and afterwards goes on, or is stopped (``crash``), or restarted
    (``reset``). ``memory_only`` writes memory and registers without devices, in ``format``."""
    raise NotImplementedError


@operation(
    capability="save.screenshot",
    permission="domain:screenshot",
    changes=True,
    raises=(NoSuchDomain, InvalidState, NoSuchDevice, HypervisorError),
)
def screenshot(session: Session, domain: DomainRef, *, screen: int = 0) -> Screenshot:
    """A picture of what a running guest shows; ``screen`` counts the heads of its video devices from 0."""
    raise NotImplementedError


@operation(
    capability="managedsave.save",
    permission="domain:hibernate",
    changes=True,
    raises=(
        NoSuchDomain,
        InvalidState,
        UnsupportedConfiguration,
        HostError,
        OperationCancelled,
        HypervisorError,
    ),
)
def managed_save(
    session: Session,
    domain: DomainRef,
    *,
    paused: bool | None = None,
    bypass_cache: bool = False,
    job: JobControl | None = None,
) -> None:
    """Save the guest to a file that the manager keeps; the next ``start`` takes it up and removes it.

    InvalidState for a transient domain."""
    raise NotImplementedError


@operation(capability="managedsave.has", permission="domain:read", raises=(NoSuchDomain,))
def has_managed_save(session: Session, domain: DomainRef) -> bool:
    """Whether the next ``start`` takes up a saved guest."""
    raise NotImplementedError


@operation(
    capability="managedsave.remove",
    permission="domain:hibernate",
    changes=True,
    raises=(NoSuchDomain, InvalidState, HostError),
)
def remove_managed_save(session: Session, domain: DomainRef) -> None:
    """Throw the saved guest away, so that the next ``start`` boots. InvalidState when there is none."""
    raise NotImplementedError


@operation(
    capability="managedsave.edit",
    permission="domain:read",
    raises=(NoSuchDomain, InvalidState, StateError),
    extra_permissions={"secure": "domain:read_secure"},
)
def managed_save_config(session: Session, domain: DomainRef, *, secure: bool = False) -> Domain:
    """The configuration of the saved guest; ``secure`` includes passwords. InvalidState when there is none."""
    raise NotImplementedError


@operation(
    capability="managedsave.edit.set",
    permission=("domain:write", "domain:hibernate"),
    changes=True,
    raises=(NoSuchDomain, InvalidState, StateError, InvalidDocument, UnsupportedConfiguration, HostError),
    documents={"config": "domain"},
)
def set_managed_save_config(
    session: Session, domain: DomainRef, config: Domain | str | bytes, *, paused: bool | None = None
) -> None:
    """Replace the configuration of the saved guest, in what it does not notice; whole or not at all.

    ``paused`` True or False says how it is taken up; None leaves that."""
    raise NotImplementedError
