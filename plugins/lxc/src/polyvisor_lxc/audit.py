"""How far a running container is confined, as the kernel says, not as the document does."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from polyvisor.errors import InvalidState, UnsupportedConfiguration
from polyvisor.operations.security import SecurityLabel
from polyvisor.spi import DomainRef
from polyvisor_lxc import confinement, guests
from polyvisor_lxc.session import LxcSession

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain

_CAPABILITIES = (
    "chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable net_bind_service "
    "net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin "
    "sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override "
    "mac_admin syslog wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore"
).split()
"""Capabilities by number (include/uapi/linux/capability.h)."""

_SECCOMP = {0: "off", 1: "strict", 2: "filter"}
_NAMESPACES = ("user", "pid", "net", "ipc", "uts", "mnt", "cgroup")


@dataclass(frozen=True, slots=True)
class Finding:
    """One aspect of a container's confinement. ``confined`` is False where something of the host is within reach."""

    aspect: str
    confined: bool
    detail: str


def findings(session: LxcSession, domain: DomainRef) -> list[Finding]:
    """What the kernel tells of a running container's init. Raises InvalidState when it is not running."""
    _, init = guests.require_init(session, domain)
    try:
        status = _status(init)
        return [
            _ids(init),
            *(_namespace(init, kind) for kind in _NAMESPACES if kind != "user"),
            _capabilities(status),
            Finding("no new privileges", status.get("NoNewPrivs") == "1", f"NoNewPrivs is {status.get('NoNewPrivs')}"),
            _seccomp(status),
            _masks(init),
            _system(init),
            _label(init),
        ]
    except (FileNotFoundError, ProcessLookupError) as error:
        raise InvalidState(f"{domain} has just stopped", target=str(domain), driver="lxc") from error


def host_findings(session: LxcSession) -> list[Finding]:
    """What this host lets containers do; ``confined`` is False where something of it is not to be had."""
    from polyvisor_lxc import criu, limits, tools

    where, check = session.hierarchies, criu.check()
    found = [Finding("liblxc", True, ".".join(map(str, tools.version())))]
    for controller in (*limits.CONTROLLERS, "devices", "freezer"):
        version = where.version(controller)
        told = "no control groups" if version is None else f"control groups of version {version}"
        found.append(Finding(controller, version is not None, told))
    return [*found, _ids_granted(), Finding("saving", check.possible, check.why)]


def _ids_granted() -> Finding:
    try:
        first, count = confinement.id_range(0)
    except UnsupportedConfiguration as error:
        return Finding("ids", False, error.message)
    return Finding("ids", True, f"{count} from {first} on")


def _status(init: int) -> dict[str, str]:
    with open(f"/proc/{init}/status", encoding="utf-8", errors="replace") as file:
        return {key: value.strip() for key, _, value in (line.partition(":") for line in file)}


def _ids(init: int) -> Finding:
    with open(f"/proc/{init}/uid_map", encoding="ascii") as file:
        rows = [line.split() for line in file]
    shared = any(outside == "0" or (inside == outside and count != "1") for inside, outside, count in rows)
    said = ", ".join(
        f"{inside}..{int(inside) + int(count) - 1} are {outside}.. on the host" for inside, outside, count in rows
    )
    return Finding("user namespace", not shared, said or "no ids")


def _namespace(init: int, kind: str) -> Finding:
    own = os.readlink(f"/proc/{init}/ns/{kind}") != os.readlink(f"/proc/self/ns/{kind}")
    return Finding(f"{kind} namespace", own, "its own" if own else "the host's")


def _capabilities(status: dict[str, str]) -> Finding:
    bits = int(status.get("CapBnd", "0"), 16)
    held = {name for number, name in enumerate(_CAPABILITIES) if bits >> number & 1}
    risky = sorted(held & set(confinement.DROPPED))
    return Finding(
        "capabilities", not risky, f"keeps {', '.join(risky)}" if risky else f"{len(held)} of {len(_CAPABILITIES)}"
    )


def _seccomp(status: dict[str, str]) -> Finding:
    mode = int(status.get("Seccomp", "0"))
    return Finding("seccomp", mode != 0, _SECCOMP.get(mode, str(mode)))


def _mounts(init: int) -> dict[str, str]:
    """Options of each mount, by mount point; of several the last one."""
    with open(f"/proc/{init}/mounts", encoding="utf-8", errors="surrogateescape") as file:
        return {words[1]: words[3] for words in (line.split() for line in file)}


def _masks(init: int) -> Finding:
    covered = _mounts(init)
    wanted = (*confinement.MASKED_FILES, *confinement.MASKED_DIRECTORIES)
    open_ones = [path for path in wanted if f"/{path}" not in covered and os.path.exists(f"/proc/{init}/root/{path}")]
    return Finding("masked files", not open_ones, f"open: {', '.join(open_ones)}" if open_ones else "all")


def _system(init: int) -> Finding:
    covered = _mounts(init)
    writable = [
        point
        for point in ("/proc/sys", "/sys")
        if "ro" not in covered.get(point, covered.get("/proc", "rw")).split(",")
    ]
    return Finding(
        "read-only /proc/sys and /sys", not writable, f"writable: {', '.join(writable)}" if writable else "both"
    )


def _label(init: int) -> Finding:
    label = label_of(init)
    return Finding("mandatory access control", label not in ("", "unconfined"), label or "the kernel has none")


def label_of(pid: int) -> str:
    """The label of a process under the model in force; empty where there is none."""
    try:
        with open(f"/proc/{pid}/attr/current", encoding="utf-8", errors="replace") as file:
            return file.read().strip("\0\n ")
    except OSError:
        return ""


def labels(session: LxcSession, domain: DomainRef) -> list[SecurityLabel]:
    """The label of a running container's init under each model in force."""
    from polyvisor_lxc.capabilities import security_models

    _, init = guests.require_init(session, domain)
    return [SecurityLabel(one.model, label_of(init), _enforcing(one.model)) for one in security_models()]


def _enforcing(model: str) -> bool:
    if model != "selinux":
        return True
    try:
        with open("/sys/fs/selinux/enforce", encoding="ascii") as file:
            return file.read().strip() == "1"
    except OSError:
        return False


def relaxed(config: Domain) -> list[str]:
    """In which ways a document asks for less confinement than it would get without asking."""
    confined = confinement.of(config)
    found = [f"{aspect} relaxed" for aspect in confinement.ASPECTS if not getattr(confined, aspect)]
    dropped, keep = confinement.dropped(config)
    lost = set(confinement.DROPPED) - set(dropped) if keep is None else set(confinement.DROPPED) & set(keep)
    return found + [f"capability {name} kept" for name in sorted(lost)]
