"""The qemu driver: one method for each operation, each a line or two into the module that does the work.

Modules are imported when they are needed: opening a connection and listing guests load neither the documents nor
the prober.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING

from polyvisor.local.driver import LocalDriver
from polyvisor.spi import URI, ConnectContext, DomainRef, DomainState, hookimpl
from polyvisor_qemu.session import QemuSession

if TYPE_CHECKING:
    from polyvisor.documents import Element
    from polyvisor.model.capabilities import Capabilities
    from polyvisor.model.domain import Domain
    from polyvisor.model.domaincaps import DomainCapabilities
    from polyvisor.operations.connection import Security, Version
    from polyvisor.operations.consoles import Stream
    from polyvisor.operations.input import Codeset
    from polyvisor.operations.lifecycle import ShutdownMode
    from polyvisor.operations.saving import Screenshot
    from polyvisor.operations.statistics import BlockStats, CpuStats, DomainStats, MemoryUse, StatsGroup


class QemuDriver(LocalDriver):
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
        from polyvisor.local import configuration
        from polyvisor_qemu import completion

        completion.complete(config, session.answers, session.files(configuration.identity(config)))

    @hookimpl
    def check_domain(self, session: QemuSession, config: Domain) -> None:
        from polyvisor.local import configuration
        from polyvisor_qemu import argv, live

        trial = live.instance(config, 0)
        argv.compose(trial, session.answers, session.files(configuration.identity(config)))

    # -- connection ---------------------------------------------------------------------------------------

    @hookimpl
    def connect(self, uri: URI, context: ConnectContext) -> QemuSession:
        return QemuSession.open(uri, context)

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

    # -- host ---------------------------------------------------------------------------------------------

    @hookimpl
    def capabilities(self, session: QemuSession) -> Capabilities:
        from polyvisor_qemu import capabilities

        return capabilities.capabilities(session)

    @hookimpl
    def domain_capabilities(
        self,
        session: QemuSession,
        *,
        emulator: str | None,
        arch: str | None,
        machine: str | None,
        domain_type: str | None,
    ) -> DomainCapabilities:
        from polyvisor_qemu import capabilities

        return capabilities.domain_capabilities(
            session, emulator=emulator, arch=arch, machine=machine, domain_type=domain_type
        )

    @hookimpl
    def cpu_models(self, session: QemuSession, arch: str) -> list[str]:
        from polyvisor_qemu import capabilities

        return capabilities.cpu_models(session, arch)

    @hookimpl
    def max_vcpus(self, session: QemuSession, *, domain_type: str | None) -> int:
        from polyvisor_qemu import capabilities

        return capabilities.max_vcpus(session, domain_type)

    # -- listing ------------------------------------------------------------------------------------------

    @hookimpl
    def domain_messages(
        self, session: QemuSession, domain: DomainRef, *, deprecation: bool, tainting: bool
    ) -> list[str]:
        from polyvisor_qemu import messages

        return messages.messages(session, domain, deprecation=deprecation, tainting=tainting)

    # -- lifecycle ----------------------------------------------------------------------------------------

    @hookimpl
    def create(self, session: QemuSession, config: Domain, *, paused: bool, autodestroy: bool) -> DomainRef:
        from polyvisor_qemu import lifecycle

        return lifecycle.create(session, config, paused=paused, autodestroy=autodestroy)

    @hookimpl
    def start(
        self,
        session: QemuSession,
        domain: DomainRef,
        *,
        paused: bool,
        autodestroy: bool,
        force_boot: bool,
        reset_nvram: bool,
    ) -> DomainRef:
        from polyvisor_qemu import lifecycle

        # there are no managed save images yet, so every boot is a fresh one, which is what force_boot asks
        return lifecycle.start(session, domain, paused=paused, autodestroy=autodestroy, reset_nvram=reset_nvram)

    @hookimpl
    def shutdown(self, session: QemuSession, domain: DomainRef, *, modes: Sequence[ShutdownMode]) -> None:
        from polyvisor_qemu import lifecycle

        lifecycle.shutdown(session, domain, modes)

    @hookimpl
    def reboot(self, session: QemuSession, domain: DomainRef, *, modes: Sequence[ShutdownMode]) -> None:
        from polyvisor_qemu import rebooting

        rebooting.request(session, domain, modes)

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
        from polyvisor.local import configuration
        from polyvisor_qemu import firmware

        # no guest of ours has managed save images, snapshots, checkpoints or TPM state yet: nothing more to remove
        with configuration.undefining(session, domain) as entry:
            firmware.before_undefine(configuration.load(session, entry), domain, remove=nvram)

    @hookimpl
    def to_native(self, session: QemuSession, format: str, config: Domain) -> str:
        from polyvisor_qemu import native

        return native.to_native(session, format, config)

    # -- a running guest's devices ------------------------------------------------------------------------

    @hookimpl
    def open_console(
        self, session: QemuSession, domain: DomainRef, *, device: str | None, safe: bool, replay: int
    ) -> Stream:
        from polyvisor_qemu import streams

        # safe asks that several do not steal from one another, which they never do here
        return streams.open_console(session, domain, device=device, replay=replay)

    @hookimpl
    def open_channel(self, session: QemuSession, domain: DomainRef, *, name: str | None) -> Stream:
        from polyvisor_qemu import streams

        return streams.open_channel(session, domain, name=name)

    @hookimpl
    def send_key(
        self, session: QemuSession, domain: DomainRef, keycodes: Sequence[int], *, codeset: Codeset, hold_ms: int
    ) -> None:
        from polyvisor_qemu import controls

        controls.send_key(session, domain, keycodes, codeset=codeset, hold_ms=hold_ms)

    @hookimpl
    def inject_nmi(self, session: QemuSession, domain: DomainRef) -> None:
        from polyvisor_qemu import controls

        controls.inject_nmi(session, domain)

    @hookimpl
    def screenshot(self, session: QemuSession, domain: DomainRef, *, screen: int) -> Screenshot:
        from polyvisor_qemu import controls

        return controls.screenshot(session, domain, screen=screen)

    @hookimpl
    def monitor_command(self, session: QemuSession, domain: DomainRef, command: str, *, human: bool) -> str:
        from polyvisor_qemu import controls

        return controls.command(session, domain, command, human=human)

    # -- statistics ---------------------------------------------------------------------------------------

    @hookimpl
    def cpu_stats(self, session: QemuSession, domain: DomainRef) -> CpuStats:
        from polyvisor_qemu import statistics

        return statistics.cpu_stats(session, domain)

    @hookimpl
    def memory_stats(self, session: QemuSession, domain: DomainRef) -> MemoryUse:
        from polyvisor_qemu import statistics

        return statistics.memory_stats(session, domain)

    @hookimpl
    def block_stats(self, session: QemuSession, domain: DomainRef, *, disk: str | None) -> BlockStats:
        from polyvisor_qemu import statistics

        return statistics.block_stats(session, domain, disk)

    @hookimpl
    def domain_stats(
        self,
        session: QemuSession,
        *,
        domains: Sequence[DomainRef],
        groups: Collection[StatsGroup],
        active: bool | None,
        persistent: bool | None,
        states: Collection[DomainState] | None,
        nowait: bool,
        enforce: bool,
    ) -> list[DomainStats]:
        from polyvisor_qemu import statistics

        return statistics.domain_stats(
            session,
            domains=domains,
            groups=groups,
            active=active,
            persistent=persistent,
            states=states,
            nowait=nowait,
            enforce=enforce,
        )


driver = QemuDriver()
"""What the entry point names."""
