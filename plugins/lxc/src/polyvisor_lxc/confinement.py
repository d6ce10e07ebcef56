"""How containers are confined unless their document relaxes it: ids, capabilities, system calls, hidden files.

What is here is a table each; :mod:`polyvisor_lxc.translation` writes them into liblxc's configuration, and
:mod:`polyvisor_lxc.audit` asks the kernel what of it holds for a running container.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from polyvisor.errors import UnsupportedConfiguration

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

ASPECTS = ("userns", "seccomp", "nonewprivs", "masks", "sysro", "limits")
"""What ``<container:confinement>`` can relax, each by an attribute of that name."""

DROPPED = (
    "audit_control",
    "audit_read",
    "block_suspend",
    "bpf",
    "mac_admin",
    "mac_override",
    "mknod",
    "perfmon",
    "sys_module",
    "sys_rawio",
    "sys_time",
    "syslog",
    "wake_alarm",
)
"""Capabilities (capabilities(7)) that a container loses unless its document keeps them."""

REFUSED_CALLS = (
    "acct",
    "bpf",
    "create_module",
    "delete_module",
    "finit_module",
    "init_module",
    "ioperm",
    "iopl",
    "kexec_file_load",
    "kexec_load",
    "lookup_dcookie",
    "open_by_handle_at",
    "perf_event_open",
    "query_module",
    "quotactl",
    "swapoff",
    "swapon",
    "uselib",
    "userfaultfd",
    "vm86",
    "vm86old",
)
"""System calls that serve only to run or to break the host; in a container they fail with EPERM (errno 1)."""

MASKED_FILES = ("proc/kcore", "proc/keys", "proc/sched_debug", "proc/timer_list", "proc/sysrq-trigger")
MASKED_DIRECTORIES = ("proc/acpi", "proc/scsi", "sys/firmware", "sys/kernel/debug", "sys/kernel/tracing")
"""Below the container's root: what an empty file or directory is put over."""

IDS = 65536
"""How many ids a container gets."""

_FALLBACK = 100_000


@dataclass(frozen=True, slots=True)
class Confined:
    """Which aspects of the confinement are in force for a document."""

    userns: bool = True
    seccomp: bool = True
    nonewprivs: bool = True
    masks: bool = True
    sysro: bool = True
    limits: bool = True


def of(config: Domain) -> Confined:
    """What the document leaves in force."""
    found: Any = next((one for one in config.extensions if type(one).tag == "confinement"), None)
    if found is None:
        return Confined()
    return Confined(**{name: getattr(found, name) is not False for name in ASPECTS})


def seccomp_policy() -> str:
    """The policy file for liblxc (lxc.container.conf(5), ``lxc.seccomp.profile``, version 2)."""
    return "\n".join(["2", "denylist", "[all]", *(f"{call} errno 1" for call in REFUSED_CALLS)]) + "\n"


def dropped(config: Domain) -> tuple[list[str], list[str] | None]:
    """Capabilities to drop, and those to keep as the only ones (None: all but the dropped), by the document."""
    written: Any = config.features.capabilities if config.features is not None else None
    if written is None:
        return sorted(DROPPED), None
    switches = {field.attr: getattr(written, field.attr) for field in type(written).fields() if field.attr != "policy"}
    on = {name for name, switch in switches.items() if switch is not None and switch.state is not False}
    off = {name for name, switch in switches.items() if switch is not None and switch.state is False}
    match written.policy:
        case "deny":
            return [], sorted(on)
        case "allow":
            return sorted(off), None
    return sorted((set(DROPPED) - on) | off), None


def id_range(number: int, *, passwd_name: str | None = None) -> tuple[int, int]:
    """First host id and count of the ids for the container of that number.

    They are cut from what /etc/subuid and /etc/subgid (subuid(5)) give the user in common; several containers share
    a range only where that is too small for all. Raises UnsupportedConfiguration when it gives too few."""
    user = passwd_name or _user()
    granted = [_granted(path, user) for path in ("/etc/subuid", "/etc/subgid")]
    if os.geteuid() == 0 and not any(granted) and not _has_helper():
        return _FALLBACK, IDS
    common = sorted(set(granted[0]) & set(granted[1]), key=lambda span: -span[1])
    if not common or common[0][1] < IDS:
        raise UnsupportedConfiguration(
            f"user {user} has no {IDS} ids for containers in /etc/subuid and /etc/subgid",
            driver="lxc",
            hint=f"write {user}:{_FALLBACK}:{IDS} into both, or <container:confinement userns='no'/> into the document",
        )
    first, count = common[0]
    return first + number % (count // IDS) * IDS, IDS


def _granted(path: str, user: str) -> list[tuple[int, int]]:
    names = {user, str(os.geteuid())}
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            fields = [line.strip().split(":") for line in file]
    except FileNotFoundError:
        return []
    return [
        (int(line[1]), int(line[2]))
        for line in fields
        if len(line) == 3 and line[0] in names and line[1].isdigit() and line[2].isdigit()
    ]


def _user() -> str:
    import pwd

    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


def _has_helper() -> bool:
    import shutil

    return shutil.which("newuidmap") is not None
