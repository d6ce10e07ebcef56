"""The lxc driver: one method for each operation, each a line or two into the module that does the work.

Modules are imported when they are needed: opening a connection and listing containers does not load the documents.
What concerns the resources of containers is in :mod:`.driver_resources`, what concerns their inside and their devices
in :mod:`.driver_inside`, saving and restoring them in :mod:`.driver_saving`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from polyvisor.local.driver import LocalDriver
from polyvisor.spi import URI, Affect, ConnectContext, DomainRef, hookimpl
from polyvisor_lxc.driver_inside import InsideOperations
from polyvisor_lxc.driver_resources import ResourceOperations
from polyvisor_lxc.driver_saving import SavingOperations
from polyvisor_lxc.session import LxcSession

if TYPE_CHECKING:
    from polyvisor.documents import Element
    from polyvisor.model.capabilities import Capabilities
    from polyvisor.model.domain import Domain
    from polyvisor.model.domaincaps import DomainCapabilities
    from polyvisor.operations.connection import Security, Version
    from polyvisor.operations.host import SecurityModel
    from polyvisor.operations.lifecycle import ShutdownMode


class LxcDriver(ResourceOperations, InsideOperations, SavingOperations, LocalDriver):
    """Containers on this host, run by liblxc without a daemon."""

    name = "lxc"
    schemes = ("lxc",)
    hooks_version = (1, 0)

    # -- contributions ------------------------------------------------------------------------------------

    @hookimpl
    def document_classes(self) -> Iterable[type[Element]]:
        from polyvisor_lxc.model import CLASSES

        return CLASSES

    @hookimpl
    def complete_domain(self, session: LxcSession, config: Domain) -> None:
        from polyvisor_lxc import completion

        completion.complete(config)

    @hookimpl
    def check_domain(self, session: LxcSession, config: Domain) -> None:
        from polyvisor_lxc import checking

        checking.check(session, config)

    # -- connection ---------------------------------------------------------------------------------------

    @hookimpl
    def connect(self, uri: URI, context: ConnectContext) -> LxcSession:
        return LxcSession.open(uri, context)

    @hookimpl
    def probe_uri(self) -> str:
        import os

        from polyvisor_lxc import tools

        if not tools.present():
            return ""
        return "lxc:///system" if os.geteuid() == 0 else "lxc:///session"

    @hookimpl
    def hypervisor_type(self, session: LxcSession) -> str:
        return "LXC"

    @hookimpl
    def version(self, session: LxcSession) -> Version:
        from polyvisor_lxc import hostfacts

        return hostfacts.version(session)

    @hookimpl
    def security(self, session: LxcSession) -> Security:
        from polyvisor.operations.connection import Security

        return Security(encrypted=False, secure=True)  # calls in this process

    @hookimpl
    def alive(self, session: LxcSession) -> bool:
        from polyvisor_lxc import hostfacts

        return hostfacts.alive(session)

    # -- host ---------------------------------------------------------------------------------------------

    @hookimpl
    def security_models(self, session: LxcSession) -> list[SecurityModel]:
        from polyvisor_lxc import capabilities

        return capabilities.security_models()

    @hookimpl
    def capabilities(self, session: LxcSession) -> Capabilities:
        from polyvisor_lxc import capabilities

        return capabilities.capabilities(session)

    @hookimpl
    def domain_capabilities(
        self,
        session: LxcSession,
        *,
        emulator: str | None,
        arch: str | None,
        machine: str | None,
        domain_type: str | None,
    ) -> DomainCapabilities:
        from polyvisor_lxc import capabilities

        return capabilities.domain_capabilities(
            session, emulator=emulator, arch=arch, machine=machine, domain_type=domain_type
        )

    @hookimpl
    def max_vcpus(self, session: LxcSession, *, domain_type: str | None) -> int:
        from polyvisor.errors import InvalidArgument
        from polyvisor_lxc import capabilities

        if domain_type not in (None, "lxc"):
            raise InvalidArgument(f"there are no containers of type {domain_type!r}", driver="lxc")
        return capabilities.max_vcpus()

    @hookimpl
    def from_native(self, session: LxcSession, format: str, text: str) -> Domain:
        from polyvisor_lxc import native

        return native.from_native(session, format, text)

    @hookimpl
    def to_native(self, session: LxcSession, format: str, config: Domain) -> str:
        from polyvisor_lxc import native

        return native.to_native(session, format, config)

    # -- listing ------------------------------------------------------------------------------------------

    @hookimpl
    def domain_messages(
        self, session: LxcSession, domain: DomainRef, *, deprecation: bool, tainting: bool
    ) -> list[str]:
        from polyvisor.local import listing

        # nothing that containers have is deprecated
        return listing.taints(session, domain) if tainting else []

    # -- lifecycle ----------------------------------------------------------------------------------------

    @hookimpl
    def create(
        self, session: LxcSession, config: Domain, *, paused: bool, autodestroy: bool, fds: Sequence[int]
    ) -> DomainRef:
        from polyvisor_lxc import lifecycle

        return lifecycle.create(session, config, paused=paused, autodestroy=autodestroy, fds=fds)

    @hookimpl
    def start(
        self,
        session: LxcSession,
        domain: DomainRef,
        *,
        paused: bool,
        autodestroy: bool,
        force_boot: bool,
        fds: Sequence[int],
    ) -> DomainRef:
        from polyvisor_lxc import lifecycle

        return lifecycle.start(session, domain, paused=paused, autodestroy=autodestroy, force_boot=force_boot, fds=fds)

    @hookimpl
    def shutdown(self, session: LxcSession, domain: DomainRef, *, modes: Sequence[ShutdownMode]) -> None:
        from polyvisor_lxc import lifecycle

        lifecycle.shutdown(session, domain, modes)

    @hookimpl
    def reboot(self, session: LxcSession, domain: DomainRef, *, modes: Sequence[ShutdownMode]) -> None:
        from polyvisor_lxc import lifecycle

        lifecycle.reboot(session, domain, modes)

    @hookimpl
    def reset(self, session: LxcSession, domain: DomainRef) -> None:
        from polyvisor_lxc import lifecycle

        lifecycle.reset(session, domain)

    @hookimpl
    def set_lifecycle_action(
        self, session: LxcSession, domain: DomainRef, event: str, action: str, *, affect: Affect
    ) -> None:
        from polyvisor_lxc import lifecycle

        lifecycle.set_action(session, domain, event, action, affect)

    @hookimpl
    def destroy(self, session: LxcSession, domain: DomainRef, *, graceful: bool, remove_logs: bool) -> None:
        from polyvisor_lxc import lifecycle

        lifecycle.destroy(session, domain, graceful=graceful, remove_logs=remove_logs)

    @hookimpl
    def suspend(self, session: LxcSession, domain: DomainRef) -> None:
        from polyvisor_lxc import lifecycle

        lifecycle.suspend(session, domain)

    @hookimpl
    def resume(self, session: LxcSession, domain: DomainRef) -> None:
        from polyvisor_lxc import lifecycle

        lifecycle.resume(session, domain)

    # -- configuration ------------------------------------------------------------------------------------

    @hookimpl
    def undefine(
        self,
        session: LxcSession,
        domain: DomainRef,
        *,
        managed_save: bool,
        snapshots_metadata: bool,
        checkpoints_metadata: bool,
        nvram: bool | None,
        tpm: bool | None,
    ) -> None:
        from polyvisor.local import configuration
        from polyvisor_lxc import kept, snapshots

        # containers have no checkpoints of disks, firmware variables or TPM: nothing of these to remove
        with configuration.undefining(session, domain):
            kept.refuse_undefine(session, domain, allowed=managed_save)
            snapshots.before_undefine(session, domain, allowed=snapshots_metadata)
            kept.drop(session, domain.uuid)

    @hookimpl
    def autostart_once(self, session: LxcSession, domain: DomainRef) -> bool:
        from polyvisor.local import configuration

        return configuration.flag(session, domain, "autostart-once")

    @hookimpl
    def set_autostart_once(self, session: LxcSession, domain: DomainRef, enabled: bool) -> None:
        from polyvisor.local import configuration

        configuration.set_flag(session, domain, "autostart-once", enabled)


driver = LxcDriver()
"""What the entry point names."""
