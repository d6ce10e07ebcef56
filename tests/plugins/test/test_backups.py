"""Backups of simulated guests: what is particular to them; the conformance suite asks the rest."""

from __future__ import annotations

import pytest

from polyvisor.errors import NoSuchCheckpoint, OperationCancelled, UnsupportedConfiguration
from polyvisor.services.jobs import Job


class Impatient(Job):
    """Gives up at the first news."""

    def progress(self, *args, **options):
        super().progress(*args, **options)
        self.cancel()


def test_copies_go_beside_the_images_unless_told(guest):
    class Curious(Job):
        def progress(self, *args, **options):
            super().progress(*args, **options)
            self.seen = guest.backup_config()

    job = Curious()
    guest.begin_backup(job=job)
    assert "<target file='/guest/diskimage1.backup'/>" in job.seen
    assert "<domainbackup mode='push'>" in job.seen


def test_a_backup_that_is_given_up_takes_its_checkpoint_along(guest):
    with pytest.raises(OperationCancelled):
        guest.begin_backup(checkpoint="<domaincheckpoint><name>monday</name></domaincheckpoint>", job=Impatient())
    assert guest.list_checkpoints() == []
    with pytest.raises(NoSuchCheckpoint, match="monday"):
        guest.begin_backup("<domainbackup><incremental>monday</incremental></domainbackup>")


def test_nothing_is_served(guest):
    with pytest.raises(UnsupportedConfiguration, match="server"):
        guest.begin_backup("<domainbackup mode='pull'/>")
