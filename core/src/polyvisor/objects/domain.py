"""A domain as programs see it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.objects.face import Subject, domain_method
from polyvisor.operations.declaration import Operation
from polyvisor.operations.records import DomainRef, DomainState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from polyvisor.model.checkpoint import DomainCheckpoint
    from polyvisor.model.snapshot import DomainSnapshot
    from polyvisor.objects.connection import Connection
    from polyvisor.objects.snapshots import Checkpoint, Snapshot
    from polyvisor.operations import (
        blockjobs,
        checkpoints,
        configuration,
        consoles,
        devices,
        domainjobs,
        guest,
        input,
        lifecycle,
        listing,
        memory,
        migration,
        numa,
        passthrough,
        saving,
        security,
        snapshots,
        statistics,
        tuning,
        vcpus,
    )
    from polyvisor.operations.jobs import JobControl
    from polyvisor.services.events import EventStream
    from polyvisor.services.jobs import Job
else:
    configuration, lifecycle, listing, devices = map(Subject, ("configuration", "lifecycle", "listing", "devices"))
    memory, numa, vcpus, tuning = map(Subject, ("memory", "numa", "vcpus", "tuning"))
    statistics, blockjobs, snapshots, checkpoints = map(
        Subject, ("statistics", "blockjobs", "snapshots", "checkpoints")
    )
    saving, migration, domainjobs, guest = map(Subject, ("saving", "migration", "domainjobs", "guest"))
    input, consoles, security, passthrough = map(Subject, ("input", "consoles", "security", "passthrough"))


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

    # -- identity ------------------------------------------------------------------------------------------

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

    # -- what it is doing ----------------------------------------------------------------------------------

    state = domain_method(listing.domain_state)
    info = domain_method(listing.domain_info)
    control_info = domain_method(listing.control_info)
    os_type = domain_method(listing.os_type)
    messages = domain_method(listing.domain_messages)

    @property
    def is_active(self) -> bool:
        """Whether the hypervisor runs (or has paused) the guest, asked now."""
        return self.state().state.active

    # -- lifecycle -----------------------------------------------------------------------------------------

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

    # -- configuration -------------------------------------------------------------------------------------

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

    # -- devices -------------------------------------------------------------------------------------------

    attach_device = domain_method(devices.attach_device)
    detach_device = domain_method(devices.detach_device)
    detach_device_alias = domain_method(devices.detach_device_alias)
    update_device = domain_method(devices.update_device)
    reload_graphics = domain_method(devices.reload_graphics)

    # -- memory, NUMA, vCPUs -------------------------------------------------------------------------------

    max_memory = domain_method(memory.max_memory)
    set_max_memory = domain_method(memory.set_max_memory)
    set_memory = domain_method(memory.set_memory)
    set_memory_stats_period = domain_method(memory.set_memory_stats_period)
    memory_limits = domain_method(memory.memory_limits)
    set_memory_limits = domain_method(memory.set_memory_limits)
    peek_memory = domain_method(memory.peek_memory)
    start_dirty_rate = domain_method(memory.start_dirty_rate)
    numa_parameters = domain_method(numa.numa_parameters)
    set_numa_parameters = domain_method(numa.set_numa_parameters)
    vcpu_count = domain_method(vcpus.vcpu_count)
    set_vcpu_count = domain_method(vcpus.set_vcpu_count)
    set_vcpus = domain_method(vcpus.set_vcpus)
    vcpu_info = domain_method(vcpus.vcpu_info)
    vcpu_pins = domain_method(vcpus.vcpu_pins)
    pin_vcpu = domain_method(vcpus.pin_vcpu)
    emulator_pin = domain_method(vcpus.emulator_pin)
    pin_emulator = domain_method(vcpus.pin_emulator)
    iothreads = domain_method(vcpus.iothreads)
    pin_iothread = domain_method(vcpus.pin_iothread)
    add_iothread = domain_method(vcpus.add_iothread)
    remove_iothread = domain_method(vcpus.remove_iothread)
    set_iothread_parameters = domain_method(vcpus.set_iothread_parameters)
    scheduler = domain_method(vcpus.scheduler)
    set_scheduler_parameters = domain_method(vcpus.set_scheduler_parameters)

    # -- disks and interfaces ------------------------------------------------------------------------------

    blkio_parameters = domain_method(tuning.blkio_parameters)
    set_blkio_parameters = domain_method(tuning.set_blkio_parameters)
    block_io_tune = domain_method(tuning.block_io_tune)
    set_block_io_tune = domain_method(tuning.set_block_io_tune)
    set_throttle_group = domain_method(tuning.set_throttle_group)
    remove_throttle_group = domain_method(tuning.remove_throttle_group)
    set_block_threshold = domain_method(tuning.set_block_threshold)
    resize_block = domain_method(tuning.resize_block)
    interface_bandwidth = domain_method(tuning.interface_bandwidth)
    set_interface_bandwidth = domain_method(tuning.set_interface_bandwidth)
    block_job = domain_method(blockjobs.block_job)
    abort_block_job = domain_method(blockjobs.abort_block_job)
    set_block_job_speed = domain_method(blockjobs.set_block_job_speed)
    block_pull = domain_method(blockjobs.block_pull)
    block_copy = domain_method(blockjobs.block_copy)
    block_commit = domain_method(blockjobs.block_commit)

    # -- figures -------------------------------------------------------------------------------------------

    block_stats = domain_method(statistics.block_stats)
    block_info = domain_method(statistics.block_info)
    disk_errors = domain_method(statistics.disk_errors)
    interface_stats = domain_method(statistics.interface_stats)
    memory_stats = domain_method(statistics.memory_stats)
    cpu_stats = domain_method(statistics.cpu_stats)
    perf_events = domain_method(statistics.perf_events)
    set_perf_events = domain_method(statistics.set_perf_events)
    peek_block = domain_method(statistics.peek_block)

    # -- snapshots, checkpoints, saving, moving ------------------------------------------------------------

    _create_snapshot = domain_method(snapshots.create_snapshot)
    list_snapshots = domain_method(snapshots.list_snapshots)
    _lookup_snapshot = domain_method(snapshots.lookup_snapshot)
    _current_snapshot = domain_method(snapshots.current_snapshot)
    _create_checkpoint = domain_method(checkpoints.create_checkpoint)
    _lookup_checkpoint = domain_method(checkpoints.lookup_checkpoint)
    begin_backup = domain_method(checkpoints.begin_backup)
    backup_config = domain_method(checkpoints.backup_config)
    list_checkpoints = domain_method(checkpoints.list_checkpoints)
    save = domain_method(saving.save)
    core_dump = domain_method(saving.core_dump)
    screenshot = domain_method(saving.screenshot)
    managed_save = domain_method(saving.managed_save)
    has_managed_save = domain_method(saving.has_managed_save)
    remove_managed_save = domain_method(saving.remove_managed_save)
    managed_save_config = domain_method(saving.managed_save_config)
    set_managed_save_config = domain_method(saving.set_managed_save_config)
    migrate = domain_method(migration.migrate)
    begin_migration = domain_method(migration.begin_migration)
    perform_migration = domain_method(migration.perform_migration)
    finish_migration = domain_method(migration.finish_migration)
    confirm_migration = domain_method(migration.confirm_migration)
    migration_downtime = domain_method(migration.migration_downtime)
    set_migration_downtime = domain_method(migration.set_migration_downtime)
    migration_compression_cache = domain_method(migration.migration_compression_cache)
    set_migration_compression_cache = domain_method(migration.set_migration_compression_cache)
    migration_speed = domain_method(migration.migration_speed)
    set_migration_speed = domain_method(migration.set_migration_speed)
    start_post_copy = domain_method(migration.start_post_copy)
    job = domain_method(domainjobs.domain_job)
    abort_job = domain_method(domainjobs.abort_job)

    def create_snapshot(
        self,
        config: DomainSnapshot | str | bytes = "<domainsnapshot/>",
        *,
        redefine: bool = False,
        current: bool = False,
        metadata: bool = True,
        halt: bool = False,
        disk_only: bool = False,
        reuse_external: bool = False,
        quiesce: bool = False,
        atomic: bool = False,
        live: bool = False,
        job: JobControl | None = None,
    ) -> Snapshot:
        """Take a snapshot; see :func:`polyvisor.operations.snapshots.create_snapshot`."""
        from polyvisor.objects.snapshots import Snapshot

        ref = self._create_snapshot(
            config,
            redefine=redefine,
            current=current,
            metadata=metadata,
            halt=halt,
            disk_only=disk_only,
            reuse_external=reuse_external,
            quiesce=quiesce,
            atomic=atomic,
            live=live,
            job=job,
        )
        return Snapshot(self, ref)

    def snapshot(self, name: str) -> Snapshot:
        """The snapshot of that name. Raises NoSuchSnapshot."""
        from polyvisor.objects.snapshots import Snapshot

        return Snapshot(self, self._lookup_snapshot(name))

    def current_snapshot(self) -> Snapshot | None:
        """The snapshot the domain's present state comes from, None if there is none."""
        from polyvisor.objects.snapshots import Snapshot

        ref = self._current_snapshot()
        return None if ref is None else Snapshot(self, ref)

    def create_checkpoint(
        self,
        config: DomainCheckpoint | str | bytes = "<domaincheckpoint/>",
        *,
        redefine: bool = False,
        redefine_validate: bool = False,
        quiesce: bool = False,
    ) -> Checkpoint:
        """Begin to track changed blocks; see :func:`polyvisor.operations.checkpoints.create_checkpoint`."""
        from polyvisor.objects.snapshots import Checkpoint

        ref = self._create_checkpoint(config, redefine=redefine, redefine_validate=redefine_validate, quiesce=quiesce)
        return Checkpoint(self, ref)

    def checkpoint(self, name: str) -> Checkpoint:
        """The checkpoint of that name. Raises NoSuchCheckpoint."""
        from polyvisor.objects.snapshots import Checkpoint

        return Checkpoint(self, self._lookup_checkpoint(name))

    # -- inside the guest ----------------------------------------------------------------------------------

    guest_hostname = domain_method(guest.guest_hostname)
    guest_interfaces = domain_method(guest.guest_interfaces)
    guest_info = domain_method(guest.guest_info)
    guest_filesystems = domain_method(guest.guest_filesystems)
    freeze_filesystems = domain_method(guest.freeze_filesystems)
    thaw_filesystems = domain_method(guest.thaw_filesystems)
    trim_filesystems = domain_method(guest.trim_filesystems)
    guest_time = domain_method(guest.guest_time)
    set_guest_time = domain_method(guest.set_guest_time)
    set_guest_password = domain_method(guest.set_guest_password)
    guest_ssh_keys = domain_method(guest.guest_ssh_keys)
    set_guest_ssh_keys = domain_method(guest.set_guest_ssh_keys)
    guest_vcpus = domain_method(guest.guest_vcpus)
    set_guest_vcpus = domain_method(guest.set_guest_vcpus)
    set_agent_timeout = domain_method(guest.set_agent_timeout)
    send_key = domain_method(input.send_key)
    inject_nmi = domain_method(input.inject_nmi)
    send_signal = domain_method(input.send_signal)
    open_console = domain_method(consoles.open_console)
    open_channel = domain_method(consoles.open_channel)
    open_graphics = domain_method(consoles.open_graphics)
    security_labels = domain_method(security.security_labels)
    launch_security = domain_method(security.launch_security)
    set_launch_security_secret = domain_method(security.set_launch_security_secret)
    monitor_command = domain_method(passthrough.monitor_command)
    agent_command = domain_method(passthrough.agent_command)
    open_namespaces = domain_method(passthrough.open_namespaces)

    # -- events --------------------------------------------------------------------------------------------

    def events(self, *, capacity: int | None = None) -> EventStream:
        """What happens to this domain from now on."""
        return self.connection.events(domain=str(self.uuid), capacity=capacity)
