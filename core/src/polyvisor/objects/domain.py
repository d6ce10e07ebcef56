"""A domain as programs see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.objects.face import Subject, domain_method
from polyvisor.operations.declaration import Operation
from polyvisor.operations.records import DomainRef, DomainState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polyvisor.objects.connection import Connection
    from polyvisor.operations import configuration, lifecycle, listing
    from polyvisor.services.events import EventStream
    from polyvisor.services.jobs import Job
else:
    configuration, lifecycle, listing = map(Subject, ("configuration", "lifecycle", "listing"))


class Domain:
    """A handle on one domain of a connection. Cheap; holds no state of the guest's beyond its identity.

    Two handles are equal when they are of the same connection and the same UUID. Every method is one operation
    and raises what that operation declares, UnsupportedOperation when the driver lacks it, and AccessDenied when
    the connection's policy forbids it.
    """

    __slots__ = ("_ref", "connection")

    def __init__(self, connection: Connection, ref: DomainRef) -> None:
        self.connection = connection
        self._ref = ref

    # -- identity ---------------------------------------------------------------------------------------

    @property
    def ref(self) -> DomainRef:
        """The identity that operations are handed."""
        return self._ref

    @property
    def name(self) -> str:
        return self._ref.name

    @property
    def uuid(self) -> UUID:
        return self._ref.uuid

    @property
    def id(self) -> int | None:
        """The hypervisor's number for the running guest as last seen by this handle; see :meth:`refresh`."""
        return self._ref.id

    def refresh(self) -> Domain:
        """Look name and id up again. Raises NoSuchDomain when the domain is gone."""
        self._ref = self.connection.lookup_domain(uuid=self._ref.uuid)
        return self

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Domain):
            return NotImplemented
        return self.connection is other.connection and self.uuid == other.uuid

    def __hash__(self) -> int:
        return hash((id(self.connection), self.uuid))

    def __repr__(self) -> str:
        return f"<Domain {self.name!r} of {self.connection.uri}>"

    def _call(self, operation: Operation, arguments: dict[str, Any], job: Job[Any] | None) -> Any:
        return self.connection._call(operation, {"domain": self._ref, **arguments}, job)

    # -- what it is doing ---------------------------------------------------------------------------------

    state = domain_method(listing.domain_state)
    info = domain_method(listing.domain_info)
    control_info = domain_method(listing.control_info)
    os_type = domain_method(listing.os_type)
    messages = domain_method(listing.domain_messages)

    @property
    def is_active(self) -> bool:
        """Whether the hypervisor runs (or has paused) the guest, asked now."""
        return self.state().state.active

    # -- lifecycle ------------------------------------------------------------------------------------------

    _start = domain_method(lifecycle.start)
    shutdown = domain_method(lifecycle.shutdown)
    reboot = domain_method(lifecycle.reboot)
    reset = domain_method(lifecycle.reset)
    destroy = domain_method(lifecycle.destroy)
    suspend = domain_method(lifecycle.suspend)
    resume = domain_method(lifecycle.resume)
    pm_suspend = domain_method(lifecycle.pm_suspend)
    pm_wakeup = domain_method(lifecycle.pm_wakeup)
    set_lifecycle_action = domain_method(lifecycle.set_lifecycle_action)
    associate_fds = domain_method(lifecycle.associate_fds)

    def start(
        self,
        *,
        paused: bool = False,
        autodestroy: bool = False,
        bypass_cache: bool = False,
        force_boot: bool = False,
        reset_nvram: bool = False,
        fds: Sequence[int] = (),
    ) -> Domain:
        """Boot the guest; returns this handle, with its new id, when the hypervisor runs it.

        See :func:`polyvisor.operations.lifecycle.start`."""
        self._ref = self._start(
            paused=paused,
            autodestroy=autodestroy,
            bypass_cache=bypass_cache,
            force_boot=force_boot,
            reset_nvram=reset_nvram,
            fds=fds,
        )
        return self

    def wait_for(self, *states: DomainState, timeout: float = 60.0) -> DomainState:
        """Wait until the domain is in one of ``states``; returns it. Raises OperationTimeout after ``timeout`` s.

        Woken by the connection's events; asks again at growing intervals besides, for hypervisors that have none."""
        from polyvisor.objects.waiting import wait_for_state

        return wait_for_state(self, states, timeout)

    # -- configuration ----------------------------------------------------------------------------------------

    config = domain_method(configuration.domain_config)
    undefine = domain_method(configuration.undefine)
    metadata = domain_method(configuration.metadata)
    set_metadata = domain_method(configuration.set_metadata)
    autostart = domain_method(configuration.autostart)
    set_autostart = domain_method(configuration.set_autostart)
    autostart_once = domain_method(configuration.autostart_once)
    set_autostart_once = domain_method(configuration.set_autostart_once)
    _rename = domain_method(configuration.rename)

    def rename(self, name: str) -> Domain:
        """Give the inactive domain another name; returns this handle, which follows."""
        self._ref = self._rename(name)
        return self

    def xml(
        self, *, inactive: bool = False, secure: bool = False, migratable: bool = False, update_cpu: bool = False
    ) -> str:
        """The domain's document as text; the options are those of :meth:`config`."""
        from polyvisor.documents import write

        config = self.config(inactive=inactive, secure=secure, migratable=migratable, update_cpu=update_cpu)
        return write(config, live=not inactive, secure=secure)

    # -- events -------------------------------------------------------------------------------------------------

    def events(self, *, capacity: int | None = None) -> EventStream:
        """What happens to this domain from now on."""
        return self.connection.events(domain=str(self.uuid), capacity=capacity)
