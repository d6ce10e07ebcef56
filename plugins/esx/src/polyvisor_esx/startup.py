"""Guests that start with their host: HostAutoStartManager, one for each host.

Its table names the guests with what shall happen to them when the host starts and stops; ``powerOn`` is libvirt's
autostart. The switch of the whole table (``defaults.enabled``) is turned on with the first guest.
"""

from __future__ import annotations

from typing import Any

from pyVmomi import vim

from polyvisor.errors import HypervisorError
from polyvisor.spi import DomainRef
from polyvisor_esx.session import EsxSession

TABLE = "config.autoStart"
POWER_ON = "poweron"


def enabled(session: EsxSession) -> set[Any]:
    """The guests that start with their hosts; one request for all hosts."""
    found: set[Any] = set()
    for facts in session.properties(vim.HostSystem, (TABLE,)).values():
        table = facts.get(TABLE)
        if table is not None and table.defaults is not None and table.defaults.enabled:
            found.update(each.key for each in table.powerInfo or () if str(each.startAction).lower() == POWER_ON)
    return found


def get(session: EsxSession, domain: DomainRef) -> bool:
    """Whether a guest starts with its host."""
    return session.vm(domain) in enabled(session)


def put(session: EsxSession, domain: DomainRef, wanted: bool) -> None:
    """Let a guest start with its host, or no longer. Others keep their places."""
    machine, facts = session.read(domain, ("runtime.host",))
    host = facts.get("runtime.host")
    if host is None:
        raise HypervisorError(f"{domain} is on no host", target=str(domain), driver="esx")
    told = session.properties(vim.HostSystem, ("configManager.autoStartManager", TABLE), [host])[host]
    table, manager = told.get(TABLE), told.get("configManager.autoStartManager")
    if manager is None:
        raise HypervisorError("the host has no table of guests that start with it", driver="esx")
    entry = vim.host.AutoStartManager.AutoPowerInfo(
        key=machine,
        startOrder=-1,
        startDelay=-1,
        waitForHeartbeat="systemDefault",
        startAction="powerOn" if wanted else "none",
        stopDelay=-1,
        stopAction="none" if not wanted else "systemDefault",
    )
    spec = vim.host.AutoStartManager.Config(powerInfo=[entry])
    if wanted and not (table is not None and table.defaults is not None and table.defaults.enabled):
        spec.defaults = vim.host.AutoStartManager.SystemDefaults(enabled=True)
        _silence_others(spec, table, machine)
    manager.ReconfigureAutostart(spec=spec)


def _silence_others(spec: Any, table: Any, machine: Any) -> None:
    """Turning the table on must start nobody who has not started so far."""
    for each in (table.powerInfo if table is not None else None) or ():
        if each.key != machine and str(each.startAction).lower() == POWER_ON:
            each.startAction = "none"
            spec.powerInfo.append(each)
