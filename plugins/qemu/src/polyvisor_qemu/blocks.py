"""The block graph behind a disk: a node for the storage, and one for its format where it has one.

Nodes are given with ``-blockdev`` in JSON (QEMU's ``qapi/block-core.json``, ``BlockdevOptions``); formats are always
named, never probed: a guest can write a qcow2 header into a raw disk and so make a prober open any file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor_qemu.support import described, only, refusal

if TYPE_CHECKING:
    from polyvisor_qemu.argv import Guest
    from polyvisor_qemu.commandline import CommandLine

CACHES = {
    "default": None,
    "none": (True, False, True),
    "writethrough": (False, False, False),
    "writeback": (False, False, True),
    "directsync": (True, False, False),
    "unsafe": (False, True, True),
}
"""``direct`` and ``no-flush`` of the nodes and ``write-cache`` of the device, for each cache mode."""

FORMATS = frozenset(
    {"raw", "qcow2", "qcow", "qed", "vmdk", "vdi", "vhdx", "vpc", "parallels", "bochs", "cloop", "dmg", "luks"}
)

_LIMITS = {
    "total_bytes_sec": "bps-total",
    "read_bytes_sec": "bps-read",
    "write_bytes_sec": "bps-write",
    "total_iops_sec": "iops-total",
    "read_iops_sec": "iops-read",
    "write_iops_sec": "iops-write",
    "total_bytes_sec_max": "bps-total-max",
    "read_bytes_sec_max": "bps-read-max",
    "write_bytes_sec_max": "bps-write-max",
    "total_iops_sec_max": "iops-total-max",
    "read_iops_sec_max": "iops-read-max",
    "write_iops_sec_max": "iops-write-max",
    "size_iops_sec": "iops-size",
    "total_bytes_sec_max_length": "bps-total-max-length",
    "read_bytes_sec_max_length": "bps-read-max-length",
    "write_bytes_sec_max_length": "bps-write-max-length",
    "total_iops_sec_max_length": "iops-total-max-length",
    "read_iops_sec_max_length": "iops-read-max-length",
    "write_iops_sec_max_length": "iops-write-max-length",
}
"""The property of a throttle group (``ThrottleGroupProperties``) for each limit of ``<iotune>``."""


def write_cache(mode: str) -> str | None:
    """Whether the guest's device has a write cache, as QEMU's ``write-cache`` says it."""
    flags = CACHES[mode]
    return None if flags is None else "on" if flags[2] else "off"


def add(disk: Any, line: CommandLine, guest: Guest) -> str:
    """Put the nodes of a disk on the command line, lowest first; returns the name of the topmost."""
    driver = disk.driver
    only(
        driver, "name", "type", "cache", "error_policy", "rerror_policy", "io", "ioeventfd", "event_idx",
        "copy_on_read", "discard", "detect_zeroes", "iothread", "queues", "queue_size", "iommu", "ats", "packed",
        "page_per_vq", inside=described(disk),
    )  # fmt: skip
    if driver.type not in FORMATS:
        raise refusal(
            f"driver type={driver.type!r} of {described(disk)}", disk, why=f"is none of {', '.join(sorted(FORMATS))}"
        )
    name = guest.node_name(disk)
    backing = _backing(disk, line, name)
    top = _layers(disk, disk.source, driver.type, line, name, driver=driver, readonly=disk.readonly, backing=backing)
    if driver.copy_on_read:
        top = _filter(line, f"{name}-cor", {"driver": "copy-on-read", "file": top})
    if disk.iotune is not None:
        top = _throttled(disk, line, name, top)
    return top


def _layers(
    disk: Any,
    source: Any,
    format: str,
    line: CommandLine,
    name: str,
    *,
    driver: Any,
    readonly: bool,
    backing: str | bool | None,
) -> str:
    common: dict[str, Any] = {"read-only": readonly}
    if driver is not None:
        flags = CACHES[driver.cache or "default"]
        if flags is not None:
            common["cache"] = {"direct": flags[0], "no-flush": flags[1]}
        common["discard"] = driver.discard or "unmap"
        common["detect-zeroes"] = driver.detect_zeroes
    storage = _storage(disk, source, driver)
    if format == "raw":
        return _filter(line, f"{name}-storage", {**storage, **common})
    lower = {**common, "discard": "unmap", "auto-read-only": True}
    del lower["read-only"]
    lower.pop("detect-zeroes", None)
    file = _filter(line, f"{name}-storage", {**storage, **lower})
    upper: dict[str, Any] = {"driver": format, **common, "file": file}
    if backing is not None:
        upper["backing"] = None if backing is False else backing
    return _filter(line, f"{name}-format", upper, keep_null=backing is False)


def _storage(disk: Any, source: Any, driver: Any) -> dict[str, Any]:
    kind = type(source).__name__
    only(source, "startup_policy", "file", "dev", inside=described(disk))
    if source.startup_policy not in (None, "mandatory"):
        raise refusal(f"startupPolicy={source.startup_policy!r} of {described(disk)}", disk)
    match kind:
        case "FileSource" if source.file is not None:
            storage: dict[str, Any] = {"driver": "file", "filename": source.file}
        case "BlockSource" if source.dev is not None:
            storage = {"driver": "host_cdrom" if disk.device == "cdrom" else "host_device", "filename": source.dev}
        case _:
            raise refusal(f"<source> of {described(disk)}", disk)
    if driver is not None:
        storage["aio"] = {"threads": "threads", "native": "native", "io_uring": "io_uring"}.get(driver.io or "")
    return storage


def _backing(disk: Any, line: CommandLine, name: str) -> str | bool | None:
    """The node beneath a disk's own: a name, False for none at all, None where the image itself tells."""
    return _image(disk, disk.backing_store, line, name, 1) if disk.backing_store is not None else None


def _image(disk: Any, store: Any, line: CommandLine, name: str, depth: int) -> str | bool:
    if type(store).__name__ == "EndOfChain":
        return False
    only(store, "type", "format", "source", "backing_store", inside=described(disk))
    only(store.format, "type", inside=described(disk))
    if store.format.type not in FORMATS:
        raise refusal(f"format {store.format.type!r} of <backingStore> in {described(disk)}", disk)
    below = _image(disk, store.backing_store, line, name, depth + 1) if store.backing_store is not None else None
    return _layers(
        disk, store.source, store.format.type, line, f"{name}-{depth}", driver=None, readonly=True, backing=below
    )


def _throttled(disk: Any, line: CommandLine, name: str, top: str) -> str:
    limits = {key: getattr(disk.iotune, field) for field, key in _LIMITS.items()}
    only(disk.iotune, *_LIMITS, inside=described(disk))
    group = f"throttle-{name}"
    line.object("throttle-group", group, {"limits": {key: value for key, value in limits.items() if value is not None}})
    return _filter(line, f"{name}-throttle", {"driver": "throttle", "throttle-group": group, "file": top})


def _filter(line: CommandLine, node: str, options: dict[str, Any], *, keep_null: bool = False) -> str:
    properties = {"node-name": node, **options}
    if keep_null:
        line.exact_json(
            "blockdev", {key: value for key, value in properties.items() if value is not None or key == "backing"}
        )
    else:
        line.json("blockdev", properties)
    return node
