"""The driver: one mixin for each subject of operations, and what it brings to documents."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from polyvisor.spi import hookimpl
from polyvisor_test.backups import BackupOperations
from polyvisor_test.blockjobs import BlockJobOperations
from polyvisor_test.checkpoints import CheckpointOperations
from polyvisor_test.configuration import ConfigurationOperations
from polyvisor_test.connection import ConnectionOperations
from polyvisor_test.consoles import ConsoleOperations
from polyvisor_test.devices import DeviceOperations
from polyvisor_test.domainjobs import JobOperations
from polyvisor_test.guest import GuestOperations
from polyvisor_test.host import HostOperations
from polyvisor_test.input import InputOperations
from polyvisor_test.lifecycle import LifecycleOperations
from polyvisor_test.listing import ListingOperations
from polyvisor_test.memory import MemoryOperations
from polyvisor_test.migration import MigrationOperations
from polyvisor_test.numa import NumaOperations
from polyvisor_test.passthrough import PassthroughOperations
from polyvisor_test.saving import SavingOperations
from polyvisor_test.security import SecurityOperations
from polyvisor_test.session import TestSession
from polyvisor_test.snapshots import SnapshotOperations
from polyvisor_test.statistics import StatisticsOperations
from polyvisor_test.tuning import TuningOperations
from polyvisor_test.vcpus import VcpuOperations
from polyvisor_test.watching import WatchingOperations

if TYPE_CHECKING:
    from polyvisor.documents import Element
    from polyvisor.model.domain import Domain


class TestDriver(
    ConnectionOperations,
    HostOperations,
    ListingOperations,
    LifecycleOperations,
    ConfigurationOperations,
    DeviceOperations,
    MemoryOperations,
    NumaOperations,
    VcpuOperations,
    TuningOperations,
    StatisticsOperations,
    BlockJobOperations,
    SnapshotOperations,
    CheckpointOperations,
    BackupOperations,
    SavingOperations,
    MigrationOperations,
    JobOperations,
    GuestOperations,
    InputOperations,
    ConsoleOperations,
    SecurityOperations,
    WatchingOperations,
    PassthroughOperations,
):
    """The in-memory driver. Like every driver it holds no state: sessions do."""

    __test__ = False  # the name is no test class of pytest's

    name = "test"
    schemes = ("test",)
    hooks_version = (1, 0)

    @hookimpl
    def document_classes(self) -> Iterable[type[Element]]:
        from polyvisor_test.documents import EXTENSIONS

        return EXTENSIONS

    @hookimpl
    def complete_domain(self, session: TestSession, config: Domain) -> None:
        """The architecture is the simulated host's."""
        if config.os.type.arch is None:
            config.os.type.arch = session.node.host.arch

    @hookimpl
    def check_domain(self, session: TestSession, config: Domain) -> None:
        from polyvisor_test.checks import require_runnable

        require_runnable(config)


driver = TestDriver()
