"""The qemu driver: one method for each operation, each a line or two into the module that does the work.

Modules are imported when they are needed: opening a connection and listing guests load neither the documents nor
the prober.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.spi import (
    URI,
    Affect,
    Column,
    ConnectContext,
    DomainRef,
    DomainRow,
    DomainState,
    StateInfo,
    hookimpl,
)

from polyvisor_qemu.session import QemuSession, open_session

if TYPE_CHECKING:
    from polyvisor.documents import Element
    from polyvisor.model.capabilities import Capabilities
    from polyvisor.model.domain import Domain
    from polyvisor.model.domaincaps import DomainCapabilities
    from polyvisor.operations.configuration import MetadataKind
    from polyvisor.operations.connection import Security, Version
    from polyvisor.operations.consoles import Stream
    from polyvisor.operations.host import CpuMap, CpuTimes, FreeMemory, HostInfo, MemoryStats
    from polyvisor.operations.lifecycle import ShutdownMode
    from polyvisor.operations.listing import ControlInfo, DomainInfo


class QemuDriver:
    """QEMU and KVM on this host, without a daemon."""

    name = "qemu"
    schemes = ("qemu",)
    hooks_version = (1, 0)

    # -- contributions ------------------------------------------------------------------------------------

    @hookimpl
    def document_classes(self) -> Iterable[type[Element]]:
        from polyvisor_qemu.model import CLASSES

        return CLASSES

    @hookimpl
    def complete_domain(self, session: QemuSession, config: Domain) -> None:
        from polyvisor_qemu import completion, configuration

        completion.complete(config, session.answers, session.files(configuration.identity(config)))

    @hookimpl
    def check_domain(self, session: QemuSession, config: Domain) -> None:
        from polyvisor_qemu import argv, configuration, live

        trial = live.instance(config, 0)
        argv.compose(trial, session.answers, session.files(configuration.identity(config)))

    # -- connection ---------------------------------------------------------------------------------------

    @hookimpl
    def connect(self, uri: URI, context: ConnectContext) -> QemuSession:
        return open_session(uri, context)

    @hookimpl
    def probe_uri(self) -> str:
        import os

        from polyvisor_qemu import arches

        if arches.find_emulator(arches.host_arch()) is None:
            return ""
        return "qemu:///system" if os.geteuid() == 0 else "qemu:///session"

    @hookimpl
    def hypervisor_type(self, session: QemuSession) -> str:
        return "QEMU"

    @hookimpl
    def version(self, session: QemuSession) -> Version:
        from polyvisor_qemu import hostfacts

        return hostfacts.version(session)

    @hookimpl
    def security(self, session: QemuSession) -> Security:
        from polyvisor.operations.connection import Security

        return Security(encrypted=False, secure=True)  # calls in this process, sockets of mode 0600

    @hookimpl
    def alive(self, session: QemuSession) -> bool:
        from polyvisor_qemu import hostfacts

        return hostfacts.alive(session)

    # -- listing ------------------------------------------------------------------------------------------

    @hookimpl
    def list_domains(
        self,
        session: QemuSession,
        *,
        active: bool | None,
        persistent: bool | None,
        autostart: bool | None,
        states: Collection[DomainState] | None,
        columns: Collection[Column],
    ) -> list[DomainRow]:
        from polyvisor_qemu import listing

        return listing.rows(
            session, active=active, persistent=persistent, autostart=autostart, states=states, columns=columns
        )

    @hookimpl
    def lookup_domain(self, session: QemuSession, *, name: str | None, uuid: UUID | None, id: int | None) -> DomainRef:
        from polyvisor_qemu import listing

        return listing.lookup(session, name=name, uuid=uuid, id=id)

    @hookimpl
    def domain_state(self, session: QemuSession, domain: DomainRef) -> StateInfo:
        from polyvisor_qemu import guests

        return guests.require(session, domain).state

    @hookimpl
    def domain_info(self, session: QemuSession, domain: DomainRef) -> DomainInfo:
        from polyvisor_qemu import listing

        return listing.info(session, domain)

    @hookimpl
    def control_info(self, session: QemuSession, domain: DomainRef) -> ControlInfo:
        from polyvisor_qemu import listing

        return listing.control_info(session, domain)

    @hookimpl
    def os_type(self, session: QemuSession, domain: DomainRef) -> str:
        from polyvisor_qemu import listing

        return listing.os_type(session, domain)

    @hookimpl
    def domain_messages(
        self, session: QemuSession, domain: DomainRef, *, deprecation: bool, tainting: bool
    ) -> list[str]:
        from polyvisor_qemu import listing

        return listing.messages(session, domain, deprecation=deprecation, tainting=tainting)

    # -- lifecycle ----------------------------------------------------------------------------------------

    @hookimpl
    def create(self, session: QemuSession, config: Domain, *, paused: bool, autodestroy: bool) -> DomainRef:
        from polyvisor_qemu import lifecycle

        return lifecycle.create(session, config, paused=paused, autodestroy=autodestroy)

    @hookimpl
    def start(
        self, session: QemuSession, domain: DomainRef, *, paused: bool, autodestroy: bool, force_boot: bool
    ) -> DomainRef:
        from polyvisor_qemu import lifecycle

        # there are no managed save images yet, so every boot is a fresh one, which is what force_boot asks
        return lifecycle.start(session, domain, paused=paused, autodestroy=autodestroy)

    @hookimpl
    def shutdown(self, session: QemuSession, domain: DomainRef, *, modes: Sequence[ShutdownMode]) -> None:
        from polyvisor_qemu import lifecycle

        lifecycle.shutdown(session, domain, modes)

    @hookimpl
    def reset(self, session: QemuSession, domain: DomainRef) -> None:
        from polyvisor_qemu import lifecycle

        lifecycle.reset(session, domain)

    @hookimpl
    def destroy(self, session: QemuSession, domain: DomainRef, *, graceful: bool, remove_logs: bool) -> None:
        from polyvisor_qemu import lifecycle

        lifecycle.destroy(session, domain, graceful=graceful, remove_logs=remove_logs)

    @hookimpl
    def suspend(self, session: QemuSession, domain: DomainRef) -> None:
        from polyvisor_qemu import lifecycle

        lifecycle.suspend(session, domain)

    @hookimpl
    def resume(self, session: QemuSession, domain: DomainRef) -> None:
        from polyvisor_qemu import lifecycle

        lifecycle.resume(session, domain)

    # -- configuration ------------------------------------------------------------------------------------

    @hookimpl
    def define(self, session: QemuSession, config: Domain) -> DomainRef:
        from polyvisor_qemu import configuration

        return configuration.define(session, config)

    @hookimpl
    def undefine(
        self,
        session: QemuSession,
        domain: DomainRef,
        *,
        managed_save: bool,
        snapshots_metadata: bool,
        checkpoints_metadata: bool,
        nvram: bool | None,
        tpm: bool | None,
    ) -> None:
        from polyvisor_qemu import configuration

        # no guest of ours has managed save images, snapshots, checkpoints or TPM state yet: nothing more to remove
        configuration.undefine(session, domain, nvram=nvram)

    @hookimpl
    def domain_config(self, session: QemuSession, domain: DomainRef, *, inactive: bool, secure: bool) -> Domain:
        from polyvisor_qemu import configuration

        return configuration.current(session, domain, inactive=inactive)

    @hookimpl
    def rename(self, session: QemuSession, domain: DomainRef, name: str) -> DomainRef:
        from polyvisor_qemu import configuration

        return configuration.rename(session, domain, name)

    @hookimpl
    def autostart(self, session: QemuSession, domain: DomainRef) -> bool:
        from polyvisor_qemu import configuration

        return configuration.flag(session, domain, "autostart")

    @hookimpl
    def set_autostart(self, session: QemuSession, domain: DomainRef, enabled: bool) -> None:
        from polyvisor_qemu import configuration

        configuration.set_flag(session, domain, "autostart", enabled)

    @hookimpl
    def to_native(self, session: QemuSession, format: str, config: Domain) -> str:
        from polyvisor_qemu import native

        return native.to_native(session, format, config)


driver = QemuDriver()
"""What the entry point names."""
