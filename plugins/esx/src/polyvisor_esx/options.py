"""What hardware and which operating systems a host has for guests: its own option descriptors.

EnvironmentBrowser.QueryConfigOptionEx (vSphere 6.0) answers with a VirtualMachineConfigOption. It is some hundred KiB,
so it is read as it came, and only what is looked at is converted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyVmomi import vim

from polyvisor.errors import PolyvisorError
from polyvisor_esx import replies
from polyvisor_esx.faults import named
from polyvisor_esx.session import EsxSession

ABSENT = ("MethodNotFound", "NotSupported", "InvalidArgument")
"""Faults of servers that have no such question, or no such host or system to be asked about."""


def option(session: EsxSession, browser: Any, host: Any, *, systems: Sequence[str] = ()) -> Any:
    """The VirtualMachineConfigOption of ``host``, of these operating systems only; None where it does not say."""
    if browser is None:
        return None
    asked = vim.EnvironmentBrowser.ConfigOptionQuerySpec(host=host, guestId=list(systems))
    try:
        answer = session.transport.answer(browser, vim.EnvironmentBrowser.QueryConfigOptionEx, spec=asked)
    except PolyvisorError as error:
        if named(error, *ABSENT):
            return None
        raise
    found = next(replies.children(answer, "returnval"), None)
    return None if found is None else replies.value(found, session.transport, vim.vm.ConfigOption)
