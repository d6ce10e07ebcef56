"""Every operation a driver may implement, a module for each subject. These pages are the contract.

A subject is imported when it is needed, so that listing guests does not wait for migration to be declared;
``polyvisor.operations.catalogue`` has them all together.
"""

from polyvisor.operations.declaration import OPERATIONS, Operation

__all__ = ["OPERATIONS", "Operation"]
