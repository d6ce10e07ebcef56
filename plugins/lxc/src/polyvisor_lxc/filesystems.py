"""File systems of containers as liblxc mounts them: lines of fstab(5), which of their options containers have.

Used alike for what is run and for files that people keep.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

from polyvisor_lxc import staging
from polyvisor_lxc.support import only, refusal

_UNDERSTOOD = ("type", "accessmode", "driver", "source", "target", "readonly", "boot", "acpi")

_NEVER = {
    "template": "is OpenVZ's: liblxc's templates are programs that are run as root, which no document makes us do; "
    "unpack one into a directory and name that",
    "volume": "needs storage pools, which there are none of yet; name the directory, the image file or the block "
    "device itself",
}
"""Types of file system that containers do not have, and why."""


def check(one: Any) -> None:
    """Raise UnsupportedConfiguration for what containers cannot have."""
    kind = str(one.type)
    if kind in _NEVER:
        raise refusal(f"<filesystem type={kind!r}>", one, why=_NEVER[kind])
    for name in ("fmode", "dmode"):
        if getattr(one, name) is not None:
            raise refusal(
                f"{name}={getattr(one, name)!r} of <filesystem> {one.target.dir}",
                one,
                why="is for files that a virtual machine makes; a container makes them itself, by its umask",
            )
    if one.accessmode == "squash":
        raise refusal(
            f"accessmode='squash' of <filesystem> {one.target.dir}", one, why="is for virtual machines (9p) only"
        )
    if one.multidevs not in (None, "default"):
        raise refusal(f"multidevs={one.multidevs!r}", one, why="is for virtual machines (9p) only")
    if one.idmap is not None:
        raise refusal(
            f"<idmap> of <filesystem> {one.target.dir}",
            one,
            why="is for virtiofs; the <idmap> of a container is the domain's, and accessmode='mapped' shows a file "
            "system with it",
        )
    for limit in ("space_hard_limit", "space_soft_limit"):
        if getattr(one, limit) is not None:
            raise refusal(
                f"<{limit}> of <filesystem> {one.target.dir}", one, why="is OpenVZ's; use an image of that size"
            )
    if one.type in ("mount", "bind") and not one.source.dir:
        raise refusal("<source socket=...>", one, why="is for virtiofs; name a directory")
    only(one, *_UNDERSTOOD, "multidevs")
    if one.type in ("file", "block"):
        staging.check(one)
    elif one.driver is not None and one.driver.type not in (None, "path"):
        raise refusal(f"<driver type={one.driver.type!r}> of <filesystem> {one.target.dir}", one)


def asks_shift(one: Any, *, mapped: bool) -> bool:
    """Whether a file system is to be shown with the ids of the container, rather than with those on disk.

    Raises UnsupportedConfiguration where the container has none of its own."""
    if one is None or one.accessmode != "mapped":
        return False
    if not mapped:
        raise refusal(
            f"accessmode='mapped' of <filesystem> {one.target.dir}",
            one,
            why="needs a user namespace, whose ids are shown: write an <idmap>",
        )
    return True


def mount_words(one: Any, *, shifted: bool, staged: bool) -> tuple[str, ...]:
    """A file system that is not the root, as source, target, type and options of a mount.

    ``staged``: directories are taken from where :mod:`.staging` has put them."""
    check(one)
    target, readonly = one.target.dir, ["ro"] if one.readonly else []
    shift = ["idmap=container"] if shifted else []
    match one.type:
        case "mount" | "bind":
            kind = "file" if os.path.isfile(one.source.dir) else "dir"
            source, bind = staging.place(one) if staged else one.source.dir, "bind" if shifted else "rbind"
            return source, target, "none", bind, f"create={kind}", *readonly, *shift
        case "ram":
            return "tmpfs", target, "tmpfs", f"size={ram_bytes(one)}", "create=dir", *readonly
        case "file" | "block":
            return staging.place(one), target, "none", "bind", "create=dir", *readonly, *shift
    raise refusal(f"<filesystem type={str(one.type)!r}>", one)


def entry(source: str, target: str, kind: str, options: Sequence[str]) -> str:
    """A line of fstab(5); the target is relative to the container's root."""
    words = (source, target.lstrip("/"), kind, ",".join(options) or "defaults")
    return " ".join([*map(_escaped, words), "0", "0"])


def _escaped(word: str) -> str:
    """``word`` as fstab(5) writes it: blanks and backslashes in octal."""
    return re.sub(r"[\s\\]", lambda found: f"\\{ord(found[0]):03o}", word)


def ram_bytes(one: Any) -> int:
    """The size of a file system in memory, 0 for no limit; ``usage`` counts KiB unless ``units`` says otherwise."""
    from polyvisor.units import scaled

    return int(scaled(one.source.usage, one.source.units or "KiB"))
