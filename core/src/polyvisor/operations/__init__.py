"""Every operation a driver may implement, a module for each subject. This page is the contract.

Importing the package declares them all; :data:`OPERATIONS` has each by name.
"""

from polyvisor.operations import connection, listing, lifecycle, configuration, host  # isort: skip  (reading order)
from polyvisor.operations.declaration import OPERATIONS, Operation

__all__ = ["OPERATIONS", "Operation", "configuration", "connection", "host", "lifecycle", "listing"]
