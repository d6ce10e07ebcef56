"""Every operation a driver may implement, a module for each subject. These pages are the contract.

Subjects are imported when they are needed, so this package imports none:
:mod:`polyvisor.operations.catalogue` lists them in reading order and has every operation by name.
"""
