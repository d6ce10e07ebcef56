"""Every operation a driver may implement, a module for each subject. This page is the contract.

Importing the package declares them all; :data:`OPERATIONS` has each by name.
"""

from polyvisor.operations import (  # isort: skip  (reading order)
    connection,
    host,
    listing,
    lifecycle,
    configuration,
    devices,
    memory,
    numa,
    vcpus,
    tuning,
    statistics,
    blockjobs,
    snapshots,
    checkpoints,
    saving,
    migration,
    domainjobs,
    guest,
    input,
    consoles,
    security,
    watching,
    passthrough,
)
from polyvisor.operations.declaration import OPERATIONS, Operation

__all__ = [
    "OPERATIONS",
    "Operation",
    "blockjobs",
    "checkpoints",
    "configuration",
    "connection",
    "consoles",
    "devices",
    "domainjobs",
    "guest",
    "host",
    "input",
    "lifecycle",
    "listing",
    "memory",
    "migration",
    "numa",
    "passthrough",
    "saving",
    "security",
    "snapshots",
    "statistics",
    "tuning",
    "vcpus",
    "watching",
]
