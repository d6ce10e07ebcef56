"""What vSphere says when it refuses, as errors of ours: its reason and its own words are kept.

Names are those of the fault types in the vSphere Web Services SDK; ``details["fault"]`` has them for programs.
"""

from __future__ import annotations

from typing import Any

from polyvisor.errors import (
    AccessDenied,
    AlreadyExists,
    Busy,
    ConnectFailed,
    HypervisorError,
    InvalidArgument,
    InvalidState,
    NoSuchDomain,
    NotFound,
    OperationCancelled,
    OperationTimeout,
    PolyvisorError,
    UnsupportedConfiguration,
    UnsupportedOperation,
)

_RECONNECT = "reconnect the host in vCenter, or see whether it is up"
_MAINTENANCE = "take the host out of maintenance mode, or choose another"
_ON_DATASTORE = "look at the datastore with 'polyvisor esx files'; 'polyvisor esx disk create' makes disks"

FAULTS: dict[str, tuple[type[PolyvisorError], str | None]] = {
    "InvalidLogin": (ConnectFailed, "check the user name and the password"),
    "NoPermission": (AccessDenied, None),
    "RestrictedVersion": (AccessDenied, "the licence of this host lets programs read only"),
    "InvalidPowerState": (InvalidState, None),
    "InvalidVmState": (InvalidState, None),
    "ToolsUnavailable": (InvalidState, "the guest needs VMware Tools, running; destroy works without them"),
    "VmToolsUpgradeFault": (InvalidState, None),
    "QuestionPending": (InvalidState, "the guest waits for an answer to a question"),
    "DuplicateName": (AlreadyExists, "choose another name"),
    "AlreadyExists": (AlreadyExists, None),
    "FileAlreadyExists": (AlreadyExists, "choose another name"),
    "ManagedObjectNotFound": (NotFound, None),
    "NotFound": (NotFound, None),
    "TaskInProgress": (Busy, "try again when the task has ended"),
    "ConcurrentAccess": (Busy, "somebody else changed it at the same time; try again"),
    "ResourceInUse": (Busy, None),
    "FileLocked": (Busy, "another host or program has the file open"),
    "RequestCanceled": (OperationCancelled, None),
    "Timedout": (OperationTimeout, None),
    "HostCommunication": (HypervisorError, _RECONNECT),
    "HostNotConnected": (HypervisorError, _RECONNECT),
    "HostNotReachable": (HypervisorError, _RECONNECT),
    "InvalidHostState": (HypervisorError, _MAINTENANCE),
    "InvalidHostConnectionState": (HypervisorError, _RECONNECT),
    "InvalidState": (InvalidState, "if its host is in maintenance mode, take it out of that, or choose another"),
    "FileNotFound": (HypervisorError, _ON_DATASTORE),
    "CannotAccessFile": (HypervisorError, _ON_DATASTORE),
    "InvalidDatastore": (UnsupportedConfiguration, "name a datastore that the host has"),
    "InvalidDatastorePath": (UnsupportedConfiguration, "write files as '[datastore] folder/file'"),
    "InvalidName": (InvalidArgument, None),
    "InvalidArgument": (InvalidArgument, None),
    "InvalidRequest": (InvalidArgument, None),
    "InvalidDeviceSpec": (UnsupportedConfiguration, None),
    "InvalidDeviceBacking": (UnsupportedConfiguration, None),
    "DeviceUnsupportedForVmVersion": (UnsupportedConfiguration, None),
    "DeviceHotPlugNotSupported": (InvalidState, "stop the guest first"),
    "CpuHotPlugNotSupported": (InvalidState, "stop the guest first"),
    "MemoryHotPlugNotSupported": (InvalidState, "stop the guest first"),
    "NotSupported": (UnsupportedOperation, None),
    "MethodNotFound": (UnsupportedOperation, "a newer server may have it"),
    "MethodDisabled": (InvalidState, "somebody disabled the call for this object (a backup, another manager)"),
}
"""Fault -> error and what to do. What stands nowhere here is a HypervisorError."""


def fault_name(fault: Any) -> str:
    """The fault's type without its namespace: ``InvalidPowerState`` for ``vim.fault.InvalidPowerState``."""
    return type(fault).__name__.rpartition(".")[2]


def translated(fault: Any, doing: str = "") -> PolyvisorError:
    """The error for a fault that a method raised or a task ended with; ``doing`` is the method's name."""
    name = fault_name(fault)
    kind, hint = _kind(fault, name)
    if kind is NotFound and fault_name(getattr(fault, "obj", None)) == "VirtualMachine":
        kind = NoSuchDomain
    said = _words(fault)
    reason = f"{said} [{name}]" if said else name
    where = f"VMware refused {doing}: " if doing else "VMware refused: "
    details: dict[str, Any] = {"fault": name}
    if privilege := getattr(fault, "privilegeId", None):
        details["privilege"] = privilege
        hint = f"the user needs the privilege {privilege}"
    return kind(where + reason, driver="esx", hint=hint, details=details)


def _kind(fault: Any, name: str) -> tuple[type[PolyvisorError], str | None]:
    """The entry of the fault, else of the nearest of its bases that has one."""
    if name in FAULTS:
        return FAULTS[name]
    for base in type(fault).__mro__:
        if (found := FAULTS.get(base.__name__.rpartition(".")[2])) is not None:
            return found
    return HypervisorError, None


def _words(fault: Any) -> str:
    """What the server says in the user's language, and behind it the reasons it gives."""
    texts = [getattr(fault, "localizedMessage", None), getattr(fault, "msg", None)]
    for each in getattr(fault, "faultMessage", None) or ():
        texts.append(each.message)
    for each in (
        getattr(fault, "reason", None),
        getattr(fault, "property", None),
        getattr(fault, "invalidProperty", None),
    ):
        texts.append(each if isinstance(each, str) else None)
    file = getattr(fault, "file", None)
    if isinstance(file, str) and not any(text and file in text for text in texts):
        texts.append(file)
    if (existing := getattr(fault, "existingState", None)) is not None:
        texts.append(f"the guest is {existing}")
    return "; ".join(dict.fromkeys(text.strip() for text in texts if text and text.strip()))


def named(error: PolyvisorError, *faults: str) -> bool:
    """Whether ``error`` came of one of these faults."""
    return error.details.get("fault") in faults
