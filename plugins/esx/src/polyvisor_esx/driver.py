"""The esx driver: one method for each operation, each a line or two into the module that does the work.

Modules are imported when they are needed: pyvmomi is loaded by the first connection, not by the driver.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING
from uuid import UUID

from polyvisor.spi import URI, Affect, Column, ConnectContext, DomainRef, DomainRow, DomainState, StateInfo, hookimpl
from polyvisor_esx.driver_devices import DeviceOperations
from polyvisor_esx.driver_guest import GuestOperations
from polyvisor_esx.driver_snapshots import SnapshotOperations
from polyvisor_esx.driver_tuning import TuningOperations
from polyvisor_esx.session import EsxSession, open_session

if TYPE_CHECKING:
    from polyvisor.documents import Element
    from polyvisor.model.capabilities import Capabilities
    from polyvisor.model.domain import Domain
    from polyvisor.model.domaincaps import DomainCapabilities
    from polyvisor.operations.configuration import MetadataKind
    from polyvisor.operations.connection import Security, Version
    from polyvisor.operations.host import CpuMap, FreeMemory, HostInfo, MemoryStats
    from polyvisor.operations.lifecycle import ShutdownMode
    from polyvisor.operations.listing import ControlInfo, DomainInfo


class EsxDriver(DeviceOperations, GuestOperations, SnapshotOperations, TuningOperations):
    """VMware ESX hosts and vCenters."""

    name = "esx"
    schemes = ("esx", "vpx")
    hooks_version = (1, 0)

    # -- contributions ------------------------------------------------------------------------------------

    @hookimpl
    def document_classes(self) -> Iterable[type[Element]]:
        from polyvisor_esx.model import CLASSES

        return CLASSES

    @hookimpl
    def prepare_domain(self, session: EsxSession, config: Domain) -> None:
        from polyvisor_esx import references
        from polyvisor_esx.layout import lay_out

        references.resolve(session, config)
        lay_out(config)

    @hookimpl
    def check_domain(self, session: EsxSession, config: Domain) -> None:
        from polyvisor_esx import native

        native.check(config)

    # -- connection ---------------------------------------------------------------------------------------

    @hookimpl
    def connect(self, uri: URI, context: ConnectContext) -> EsxSession:
        return open_session(uri, context)

    @hookimpl
    def hypervisor_type(self, session: EsxSession) -> str:
        return "ESX"

    @hookimpl
    def version(self, session: EsxSession) -> Version:
        from polyvisor_esx import hostfacts

        return hostfacts.version(session)

    @hookimpl
    def security(self, session: EsxSession) -> Security:
        from polyvisor.operations.connection import Security

        return Security(encrypted=session.address.tls, secure=session.address.tls and session.trusted)

    @hookimpl
    def alive(self, session: EsxSession) -> bool:
        from polyvisor_esx import hostfacts

        return hostfacts.alive(session)

    # -- host ---------------------------------------------------------------------------------------------

    @hookimpl
    def hostname(self, session: EsxSession) -> str:
        from polyvisor_esx import hostfacts

        return hostfacts.hostname(session)

    @hookimpl
    def sysinfo(self, session: EsxSession) -> str:
        from polyvisor_esx import hostfacts

        return hostfacts.sysinfo(session)

    @hookimpl
    def host_info(self, session: EsxSession) -> HostInfo:
        from polyvisor_esx import hostfacts

        return hostfacts.host_info(session)

    @hookimpl
    def max_vcpus(self, session: EsxSession, *, domain_type: str | None) -> int:
        from polyvisor_esx import capabilities

        return capabilities.max_vcpus(session, domain_type)

    @hookimpl
    def cpu_map(self, session: EsxSession) -> CpuMap:
        from polyvisor_esx import hostfacts

        return hostfacts.cpu_map(session)

    @hookimpl
    def host_memory_stats(self, session: EsxSession) -> MemoryStats:
        from polyvisor_esx import hostfacts

        return hostfacts.memory_stats(session)

    @hookimpl
    def free_memory(self, session: EsxSession) -> FreeMemory:
        from polyvisor_esx import hostfacts

        return hostfacts.free_memory(session)

    @hookimpl
    def capabilities(self, session: EsxSession) -> Capabilities:
        from polyvisor_esx import capabilities

        return capabilities.capabilities(session)

    @hookimpl
    def domain_capabilities(
        self,
        session: EsxSession,
        *,
        emulator: str | None,
        arch: str | None,
        machine: str | None,
        domain_type: str | None,
    ) -> DomainCapabilities:
        from polyvisor_esx import capabilities

        return capabilities.domain_capabilities(
            session, emulator=emulator, arch=arch, machine=machine, domain_type=domain_type
        )

    @hookimpl
    def from_native(self, session: EsxSession, format: str, text: str) -> Domain:
        from polyvisor_esx import native

        return native.from_native(session, format, text)

    @hookimpl
    def to_native(self, session: EsxSession, format: str, config: Domain) -> str:
        from polyvisor_esx import native

        return native.to_native(session, format, config)

    # -- listing ------------------------------------------------------------------------------------------

    @hookimpl
    def list_domains(
        self,
        session: EsxSession,
        *,
        active: bool | None,
        persistent: bool | None,
        autostart: bool | None,
        states: Collection[DomainState] | None,
        columns: Collection[Column],
    ) -> list[DomainRow]:
        from polyvisor_esx import listing

        return listing.rows(
            session, active=active, persistent=persistent, autostart=autostart, states=states, columns=columns
        )

    @hookimpl
    def lookup_domain(self, session: EsxSession, *, name: str | None, uuid: UUID | None, id: int | None) -> DomainRef:
        from polyvisor_esx import listing

        return listing.lookup(session, name=name, uuid=uuid, id=id)

    @hookimpl
    def domain_state(self, session: EsxSession, domain: DomainRef) -> StateInfo:
        from polyvisor_esx import guests

        return guests.told_state(session, *session.read(domain, guests.STATE))

    @hookimpl
    def domain_info(self, session: EsxSession, domain: DomainRef) -> DomainInfo:
        from polyvisor_esx import listing

        return listing.info(session, domain)

    @hookimpl
    def control_info(self, session: EsxSession, domain: DomainRef) -> ControlInfo:
        from polyvisor_esx import listing

        return listing.control_info(session, domain)

    @hookimpl
    def os_type(self, session: EsxSession, domain: DomainRef) -> str:
        session.vm(domain)
        return "hvm"  # VMware virtualises whole machines only

    # -- lifecycle ----------------------------------------------------------------------------------------

    @hookimpl
    def start(self, session: EsxSession, domain: DomainRef, *, force_boot: bool) -> DomainRef:
        from polyvisor_esx import lifecycle

        return lifecycle.start(session, domain, force_boot=force_boot)

    @hookimpl
    def shutdown(self, session: EsxSession, domain: DomainRef, *, modes: Sequence[ShutdownMode]) -> None:
        from polyvisor_esx import lifecycle

        lifecycle.shutdown(session, domain, modes)

    @hookimpl
    def reboot(self, session: EsxSession, domain: DomainRef, *, modes: Sequence[ShutdownMode]) -> None:
        from polyvisor_esx import lifecycle

        lifecycle.reboot(session, domain, modes)

    @hookimpl
    def reset(self, session: EsxSession, domain: DomainRef) -> None:
        from polyvisor_esx import lifecycle

        lifecycle.reset(session, domain)

    @hookimpl
    def destroy(self, session: EsxSession, domain: DomainRef) -> None:
        from polyvisor_esx import lifecycle

        lifecycle.destroy(session, domain)

    @hookimpl
    def suspend(self, session: EsxSession, domain: DomainRef) -> None:
        from polyvisor_esx import lifecycle

        lifecycle.suspend(session, domain)

    @hookimpl
    def resume(self, session: EsxSession, domain: DomainRef) -> None:
        from polyvisor_esx import lifecycle

        lifecycle.resume(session, domain)

    # -- configuration ------------------------------------------------------------------------------------

    @hookimpl
    def define(self, session: EsxSession, config: Domain) -> DomainRef:
        from polyvisor_esx import configuration

        return configuration.define(session, config)

    @hookimpl
    def undefine(
        self,
        session: EsxSession,
        domain: DomainRef,
        *,
        managed_save: bool,
        snapshots_metadata: bool,
        checkpoints_metadata: bool,
        nvram: bool | None,
        tpm: bool | None,
    ) -> None:
        from polyvisor_esx import configuration

        # there are no checkpoints; firmware variables and TPM state are part of the guest's own files, which stay where
        # they are and are found again when it is registered
        configuration.undefine(session, domain, managed_save=managed_save, snapshots_metadata=snapshots_metadata)

    @hookimpl
    def domain_config(self, session: EsxSession, domain: DomainRef, *, inactive: bool, secure: bool) -> Domain:
        from polyvisor_esx import configuration

        # VMware keeps one configuration of a guest, whether it runs or not
        return configuration.document(session, domain)

    @hookimpl
    def rename(self, session: EsxSession, domain: DomainRef, name: str) -> DomainRef:
        from polyvisor_esx import configuration

        return configuration.rename(session, domain, name)

    @hookimpl
    def metadata(
        self, session: EsxSession, domain: DomainRef, kind: MetadataKind, *, uri: str | None, affect: Affect
    ) -> str:
        from polyvisor_esx import metadata

        return metadata.get(session, domain, kind, uri, affect)

    @hookimpl
    def set_metadata(
        self,
        session: EsxSession,
        domain: DomainRef,
        kind: MetadataKind,
        value: str | None,
        *,
        uri: str | None,
        key: str | None,
        affect: Affect,
    ) -> None:
        from polyvisor_esx import metadata

        metadata.put(session, domain, kind, value, uri, key, affect)

    @hookimpl
    def autostart(self, session: EsxSession, domain: DomainRef) -> bool:
        from polyvisor_esx import startup

        return startup.get(session, domain)

    @hookimpl
    def set_autostart(self, session: EsxSession, domain: DomainRef, enabled: bool) -> None:
        from polyvisor_esx import startup

        startup.put(session, domain, enabled)

    # -- memory and processors ----------------------------------------------------------------------------

    @hookimpl
    def max_memory(self, session: EsxSession, domain: DomainRef) -> int:
        from polyvisor_esx import resources

        return resources.max_memory(session, domain)

    @hookimpl
    def set_max_memory(self, session: EsxSession, domain: DomainRef, kib: int, *, affect: Affect) -> None:
        from polyvisor_esx import resources

        resources.set_max_memory(session, domain, kib, affect)

    @hookimpl
    def set_memory(self, session: EsxSession, domain: DomainRef, kib: int, *, affect: Affect) -> None:
        from polyvisor_esx import resources

        resources.set_memory(session, domain, kib, affect)

    @hookimpl
    def vcpu_count(self, session: EsxSession, domain: DomainRef, *, maximum: bool, affect: Affect) -> int:
        from polyvisor_esx import resources

        return resources.vcpu_count(session, domain, maximum=maximum, affect=affect)

    @hookimpl
    def set_vcpu_count(
        self, session: EsxSession, domain: DomainRef, count: int, *, maximum: bool, affect: Affect
    ) -> None:
        from polyvisor_esx import resources

        resources.set_vcpu_count(session, domain, count, affect)


driver = EsxDriver()
"""What the entry points name."""
