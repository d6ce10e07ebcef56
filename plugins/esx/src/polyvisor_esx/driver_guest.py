"""The esx driver's operations on the system inside a guest: saving it, sending it to sleep, its screen and its keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from polyvisor.spi import DomainRef, hookimpl
from polyvisor_esx.session import EsxSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor.operations.input import Codeset
    from polyvisor.operations.lifecycle import SuspendTarget
    from polyvisor.operations.saving import Screenshot
    from polyvisor.spi import JobControl


class GuestOperations:
    """Saving, sleeping, looking and typing."""

    # -- saving -------------------------------------------------------------------------------------------

    @hookimpl
    def managed_save(self, session: EsxSession, domain: DomainRef, job: JobControl, *, paused: bool | None) -> None:
        from polyvisor_esx import suspended

        suspended.save(session, domain, job, paused=paused)

    @hookimpl
    def has_managed_save(self, session: EsxSession, domain: DomainRef) -> bool:
        from polyvisor_esx import suspended

        return suspended.is_saved(session, domain)

    @hookimpl
    def remove_managed_save(self, session: EsxSession, domain: DomainRef) -> None:
        from polyvisor_esx import suspended

        suspended.throw_away(session, domain)

    @hookimpl
    def managed_save_config(self, session: EsxSession, domain: DomainRef, *, secure: bool) -> Domain:
        from polyvisor_esx import suspended

        return suspended.configuration_of(session, domain)  # the core leaves out what is secret

    @hookimpl
    def set_managed_save_config(
        self, session: EsxSession, domain: DomainRef, config: Domain, *, paused: bool | None
    ) -> None:
        from polyvisor_esx import suspended

        suspended.change_configuration(session, domain, config, paused=paused)

    # -- sleeping -----------------------------------------------------------------------------------------

    @hookimpl
    def pm_suspend(self, session: EsxSession, domain: DomainRef, target: SuspendTarget) -> None:
        from polyvisor_esx import suspended

        suspended.sleep(session, domain, target)

    @hookimpl
    def pm_wakeup(self, session: EsxSession, domain: DomainRef) -> None:
        from polyvisor_esx import suspended

        suspended.wake(session, domain)

    # -- looking and typing -------------------------------------------------------------------------------

    @hookimpl
    def screenshot(self, session: EsxSession, domain: DomainRef) -> Screenshot:
        from polyvisor_esx import screenshots

        return screenshots.take(session, domain)

    @hookimpl
    def send_key(self, session: EsxSession, domain: DomainRef, keycodes: Sequence[int], *, codeset: Codeset) -> None:
        from polyvisor_esx import keys

        keys.send(session, domain, keycodes, codeset)

    @hookimpl
    def inject_nmi(self, session: EsxSession, domain: DomainRef) -> None:
        from polyvisor_esx import keys

        keys.interrupt(session, domain)
