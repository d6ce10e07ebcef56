"""How guests are confined."""

from __future__ import annotations

from polyvisor.operations.security import SecurityLabel
from polyvisor.spi import DomainRef, hookimpl
from polyvisor_test.host import SECURITY_MODEL
from polyvisor_test.session import TestSession


class SecurityOperations:
    """The operations of ``polyvisor.operations.security``."""

    @hookimpl
    def security_labels(self, session: TestSession, domain: DomainRef) -> list[SecurityLabel]:
        """The label of ``<seclabel model='testSecurity'>``, else one made from the guest's id."""
        with session.machine(domain) as machine:
            machine.require_active()
            ours = [label for label in machine.config.seclabels if label.model == SECURITY_MODEL]
            written = [getattr(label, "label", None) for label in ours]
            label = next(filter(None, written), f"guest:{machine.id}")
            return [SecurityLabel(SECURITY_MODEL, label, enforcing=True)]
