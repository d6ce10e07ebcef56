"""Plugging devices into domains and out of them.

The device is a fragment of the domain's ``<devices>`` (``<disk>...``, ``<interface>...``). It is looked up by what
identifies its kind: a disk by its target, an interface by its MAC address, others by address or alias. Drivers
get it as an object of the class that ``polyvisor.model.domain.devices`` has for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyvisor.errors import (
    AlreadyExists,
    HypervisorError,
    InvalidDocument,
    InvalidState,
    NoSuchDevice,
    NoSuchDomain,
    OperationTimeout,
    UnsupportedConfiguration,
)
from polyvisor.operations.declaration import STORES, operation
from polyvisor.operations.records import Affect, DomainRef
from polyvisor.operations.session import Session

if TYPE_CHECKING:
    from polyvisor.documents import Element


@operation(
    capability="device.attach",
    permission="domain:write",
    changes=True,
    raises=(
        NoSuchDomain,
        InvalidState,
        InvalidDocument,
        UnsupportedConfiguration,
        AlreadyExists,
        NoSuchDevice,
        HypervisorError,
    ),
    documents={"device": "device"},
    extra_permissions=STORES,
)
def attach_device(
    session: Session, domain: DomainRef, device: Element | str | bytes, *, affect: Affect = Affect.CURRENT
) -> None:
    """Add a device; returns when the guest has it.

    Raises AlreadyExists when its target, alias or address is taken, NoSuchDevice when the controller it names is
    not there. With ``Affect.BOTH`` either both configurations have it afterwards or neither."""
    raise NotImplementedError


@operation(
    capability="device.detach",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidDocument, NoSuchDevice, OperationTimeout, HypervisorError),
    documents={"device": "device"},
    extra_permissions=STORES,
)
def detach_device(
    session: Session,
    domain: DomainRef,
    device: Element | str | bytes,
    *,
    affect: Affect = Affect.CURRENT,
    timeout: float = 20.0,
) -> None:
    """Take a device out; returns when it is gone from the guest.

    A running guest has to let go of it: after ``timeout`` seconds OperationTimeout is raised and the request
    stands, so the device may still leave later (an event tells). With ``timeout=0`` the call returns as soon as
    the guest was asked."""
    raise NotImplementedError


@operation(
    capability="device.detach-alias",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, NoSuchDevice, OperationTimeout, HypervisorError),
    extra_permissions=STORES,
)
def detach_device_alias(
    session: Session, domain: DomainRef, alias: str, *, affect: Affect = Affect.CURRENT, timeout: float = 20.0
) -> None:
    """Take out the device of that ``<alias name=.../>``; ``timeout`` as in ``detach_device``."""
    raise NotImplementedError


@operation(
    capability="device.update",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, InvalidDocument, NoSuchDevice, UnsupportedConfiguration, HypervisorError),
    documents={"device": "device"},
    extra_permissions=STORES,
)
def update_device(
    session: Session,
    domain: DomainRef,
    device: Element | str | bytes,
    *,
    affect: Affect = Affect.CURRENT,
    force: bool = False,
) -> None:
    """Change what can be changed about a device in place: a medium, a link state, a filter, a password.

    Raises UnsupportedConfiguration naming the first property that cannot change. ``force`` ejects a medium that
    the guest has locked."""
    raise NotImplementedError


@operation(
    capability="device.graphics-reload",
    permission="domain:write",
    changes=True,
    raises=(NoSuchDomain, InvalidState, NoSuchDevice, HypervisorError),
)
def reload_graphics(session: Session, domain: DomainRef, *, type: str | None = None) -> None:
    """Make the graphics servers read their TLS certificates again, without dropping clients.

    ``type`` is one of ``<graphics type=...>``; None means every one that can."""
    raise NotImplementedError
