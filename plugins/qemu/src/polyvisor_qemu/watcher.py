"""Following the journals that QEMU writes, one for each guest that runs."""

from __future__ import annotations

from typing import IO, TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.local.watcher import Followed, Watcher
from polyvisor.spi import DomainRef
from polyvisor_qemu import journal
from polyvisor_qemu.translation import Translator

if TYPE_CHECKING:
    from polyvisor_qemu.session import QemuSession


class QemuWatcher(Watcher["_Journal"]):
    """Tells a session what its guests do."""

    session: QemuSession

    def journal(self, uuid: UUID) -> str:
        return self.session.files(uuid).journal

    def begin(self, domain: DomainRef, status: dict[str, Any], *, from_now: bool) -> _Journal:
        file = open(self.journal(domain.uuid), "rb", buffering=0)  # noqa: SIM115  (closed when the guest is forgotten)
        followed = _Journal(domain, file, bool(status.get("starts_paused")))
        if from_now:
            for entry in followed.read():
                followed.translator.translate(domain, entry)
        return followed

    def tell(self, followed: _Journal) -> None:
        for entry in followed.read():
            for event in followed.translator.translate(followed.domain, entry):
                self.session.events(event)


class _Journal(Followed):
    """A guest whose journal is being read. The file stays open, so that its last words outlive its directory."""

    def __init__(self, domain: DomainRef, file: IO[bytes], starts_paused: bool) -> None:
        super().__init__(domain)
        self.translator = Translator(starts_paused=starts_paused)
        self._file = file
        self._rest = b""

    def read(self) -> list[journal.Entry]:
        """What QEMU has written since the last time."""
        *lines, self._rest = (self._rest + (self._file.read() or b"")).split(b"\n")
        return list(journal.entries(lines))

    def close(self) -> None:
        self._file.close()
