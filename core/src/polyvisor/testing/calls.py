"""Sensible arguments for every operation on a guest, and values that are anything but sensible."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from polyvisor.operations.catalogue import every
from polyvisor.operations.configuration import MetadataKind
from polyvisor.operations.declaration import Operation
from polyvisor.operations.lifecycle import SuspendTarget
from polyvisor.operations.migration import MigrationPlace, MigrationPlan
from polyvisor.testing.equipment import Kit

NEED_A_RUNNING_GUEST = frozenset(
    """
    abort_block_job abort_job agent_command backup_config begin_backup begin_migration block_commit block_copy
    block_job block_pull block_stats control_info core_dump cpu_stats disk_errors freeze_filesystems
    guest_filesystems guest_hostname guest_info guest_interfaces guest_ssh_keys guest_time guest_vcpus inject_nmi
    interface_stats launch_security managed_save memory_stats monitor_command open_channel open_console
    open_graphics open_namespaces peek_memory perform_migration pm_suspend pm_wakeup reboot reload_graphics reset
    resize_block resume save screenshot security_labels send_key send_signal set_block_job_speed
    set_block_threshold set_guest_password set_guest_ssh_keys set_guest_time set_guest_vcpus
    set_launch_security_secret shutdown start_dirty_rate start_post_copy suspend thaw_filesystems trim_filesystems
    vcpu_info destroy domain_job
    """.split()
)
"""Operations whose declaration says that the guest has to run, and InvalidState if it does not."""


def arguments(operation: Operation, kit: Kit) -> dict[str, Any]:
    """What the operation takes besides the guest: values that make sense for ``kit.guest(*PARTS)``."""
    values: dict[str, Any] = {
        "path": str(kit.scratch / "call"),
        "disk": kit.target(),
        "interface": kit.mac(),
        "device": kit.interface(1),
        "alias": "ua-none",
        "kib": 32768,
        "seconds": 1,
        "start": 0,
        "size": 1024,
        "offset": 0,
        "count": 1,
        "vcpus": [0],
        "vcpu": 0,
        "cpus": {0},
        "iothread": 1,
        "enabled": True,
        "online": True,
        "group": "conformance",
        "threshold": 1 << 30,
        "bandwidth": 1 << 20,
        "destination": "<disk type='file'><source file='/no/such/copy.img'/></disk>",
        "limits": {},
        "parameters": {},
        "events": {},
        "event": "reboot",
        "action": "restart",
        "kind": MetadataKind.TITLE,
        "value": "conformance",
        "name": "conformance-called",
        "target": SuspendTarget.MEMORY,
        "keycodes": [30],
        "pid": 1,
        "signal": "winch",
        "user": "root",
        "password": "conformance",
        "keys": [],
        "nanoseconds": None,
        "command": '{"execute": "guest-ping"}',
        "secret": "Y29uZm9ybWFuY2U=",
        "header": "Y29uZm9ybWFuY2U=",
        "plan": MigrationPlan(),
        "place": MigrationPlace("tcp:nowhere.invalid:1"),
        "cookie": b"",
        "milliseconds": 100,
        "fds": [kit.descriptor()],
        "config": kit.bench.document("conformance-config"),
    }
    wanted = [name for name in operation.arguments if name not in ("session", "domain", *operation.options)]
    if operation.name == "migrate":
        return {"destination": "nonsense://nowhere.invalid/"}
    return {name: values[name] for name in wanted}


PARTS = ("disk", "interface", "iothread", "vcpus")
"""What the guest has that calls are made on."""

ON_GUESTS = [operation for operation in every().values() if operation.on_domain]
"""Every operation that is about one guest."""

ODD_NUMBERS = (-1, 0, 2**31, 2**63, -(2**63))
ODD_TEXTS = (
    "",
    " ",
    "\0",
    "\ud800",
    "a\nb",
    "x" * 10000,
    "../../x",
    "/",
    "%s%n{}",
    "\N{ROCKET}",
    "vdx[99999999999999]",
)

ODD: dict[str, tuple[Any, ...]] = {
    "int": ODD_NUMBERS,
    "int | None": ODD_NUMBERS,
    "str": ODD_TEXTS,
    "str | None": ODD_TEXTS,
    "Collection[int]": ([], [-1], [2**63], [0] * 1000),
    "Collection[int] | None": ([], [-1], [2**63], [0] * 1000),
    "Sequence[int]": ([], [-1], [2**63], [1] * 1000),
    "Sequence[str]": ([""], ["\0"], ["a\nb"], ["x" * 10000], ["\ud800"]),
    "Mapping[str, int]": ({"": 0}, {"\0": 1}, {"x": -1}, {"weight": 2**63}),
    "Mapping[str, int | str]": ({"": 0}, {"\0": "\0"}, {"weight": "\ud800"}, {"group_name": "\0"}),
    "Mapping[str, bool]": ({"": True}, {"\0": True}),
    "str | bytes": (*ODD_TEXTS, b"", b"\xff\xfe", b"<disk"),
    "Element | str | bytes": (*ODD_TEXTS, b"", b"\xff\xfe", b"<disk", "<disk/>", "<interface/>", "<!DOCTYPE x><disk/>"),
}
"""Values of each type that no caller means, by the annotation in a declaration."""

NOT_ODD = frozenset({("send_signal", "pid"), ("adopt", "pid")})
"""Arguments of which an odd value could mean a process of somebody else's."""


def odd_arguments() -> Iterator[tuple[Operation, str]]:
    """Every argument of an operation on a guest that there are odd values for."""
    for operation in ON_GUESTS:
        annotations = operation.function.__annotations__
        for name in (*operation.arguments, *operation.options):
            if annotations.get(name) in ODD and (operation.name, name) not in NOT_ODD:
                yield operation, name
