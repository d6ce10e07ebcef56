"""The lxc driver's operations about saving containers and taking them up again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyvisor.spi import DomainRef, JobControl, hookimpl
from polyvisor_lxc.session import LxcSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain


class SavingOperations:
    """Checkpoints by CRIU, in files. Containers have no passwords, so ``secure`` shows nothing more."""

    @hookimpl
    def save(
        self,
        session: LxcSession,
        domain: DomainRef,
        path: str,
        job: JobControl,
        *,
        config: Domain | None,
        paused: bool | None,
    ) -> None:
        from polyvisor_lxc import saving

        saving.save(session, domain, path, config, paused, job)

    @hookimpl
    def restore(
        self, session: LxcSession, path: str, job: JobControl, *, config: Domain | None, paused: bool | None
    ) -> DomainRef:
        from polyvisor_lxc import saving

        return saving.restore(session, path, config, paused, job)

    @hookimpl
    def save_image_config(self, session: LxcSession, path: str, *, secure: bool) -> Domain:
        from polyvisor_lxc import saving

        return saving.image_config(session, path)

    @hookimpl
    def set_save_image_config(self, session: LxcSession, path: str, config: Domain, *, paused: bool | None) -> None:
        from polyvisor_lxc import saving

        saving.set_image_config(session, path, config, paused)

    @hookimpl
    def managed_save(self, session: LxcSession, domain: DomainRef, job: JobControl, *, paused: bool | None) -> None:
        from polyvisor_lxc import saving

        saving.keep(session, domain, paused, job)

    @hookimpl
    def has_managed_save(self, session: LxcSession, domain: DomainRef) -> bool:
        from polyvisor_lxc import guests, kept

        guests.require(session, domain)
        return kept.there(session, domain.uuid)

    @hookimpl
    def remove_managed_save(self, session: LxcSession, domain: DomainRef) -> None:
        from polyvisor_lxc import saving

        saving.remove(session, domain)

    @hookimpl
    def managed_save_config(self, session: LxcSession, domain: DomainRef, *, secure: bool) -> Domain:
        from polyvisor_lxc import saving

        return saving.kept_config(session, domain)

    @hookimpl
    def set_managed_save_config(
        self, session: LxcSession, domain: DomainRef, config: Domain, *, paused: bool | None
    ) -> None:
        from polyvisor_lxc import saving

        saving.set_kept_config(session, domain, config, paused)
