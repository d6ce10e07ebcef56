"""Checkpoints of containers: whether CRIU can take them here, and having liblxc take and take up one.

lxc-checkpoint(1) runs criu(8) with what it needs to know of the container. What neither can do is refused before
anything is done, with the reason: CRIU has to know the kernel it runs on, and liblxc restores no consoles.
"""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from polyvisor.errors import HypervisorError, UnsupportedConfiguration
from polyvisor.state import reported
from polyvisor_lxc import journal, preparation, tools

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor.spi import DomainRef
    from polyvisor_lxc.session import GuestFiles
    from polyvisor_lxc.translation import Plan

LONGEST = 600.0
"""Seconds that a checkpoint of a container, or taking it up, may take."""

_CHECK = 20.0
_TOLD = re.compile(r"Error \([^)]*\): (.+)")
_NOISE = ("rlimit: Can't setup RLIMIT_NOFILE",)
_IMAGED = ("file", "block")

_checked: dict[tuple[str, int, str], Check] = {}


@dataclass(frozen=True, slots=True)
class Check:
    """Whether containers can be checkpointed on this host. ``why`` not, and a ``hint``, else what does it."""

    possible: bool
    why: str
    hint: str = ""


def check() -> Check:
    """Ask CRIU, once for each version of it and of the kernel (criu(8), ``criu check``)."""
    if os.geteuid() != 0:
        return Check(False, "only root may checkpoint containers", "use lxc:///system as root")
    try:
        path, _ = tools.find("criu"), tools.find("lxc-checkpoint")
    except UnsupportedConfiguration as error:
        return Check(False, error.message, error.hint or "")
    key = (path, os.stat(path).st_mtime_ns, platform.release())
    if key not in _checked:
        _checked[key] = _ask(path)
    return _checked[key]


def _ask(path: str) -> Check:
    version = tools.run([path, "--version"], timeout=_CHECK).output.partition("Version:")[2].split("\n")[0].strip()
    answer = tools.run([path, "check"], timeout=_CHECK)
    what = f"CRIU {version or 'of an unknown version'}"
    if answer.code == 0:
        return Check(True, what)
    said = complaints(answer.output + answer.errors) or [f"'criu check' ended with status {answer.code}"]
    return Check(
        False,
        f"{what} does not work with this kernel, {platform.release()}: {said[0]}",
        "a newer CRIU may know it; 'criu check' tells what is missing",
    )


def require(domain: DomainRef | None = None, config: Domain | None = None) -> None:
    """Raise UnsupportedConfiguration, with the reason, unless this container can be checkpointed here."""
    found = check()
    what = str(domain) if domain is not None else "a container"
    if not found.possible:
        raise UnsupportedConfiguration(
            f"{what} cannot be saved or restored: {found.why}", driver="lxc", hint=found.hint or None
        )
    for why, hint in refusals(config) if config is not None else ():
        raise UnsupportedConfiguration(f"{what} cannot be saved: {why}", driver="lxc", hint=hint)


def refusals(config: Domain) -> Iterator[tuple[str, str]]:
    """What of a container liblxc or CRIU cannot save, each with what to do about it."""
    held: Any = config.devices
    if preparation.shifted(config):
        yield (
            "CRIU does not restore directories that are shown with other ids",
            "give the container ids by <idmap> and its root to these, or write <container:confinement userns='no'/>",
        )
    if held.consoles:
        yield "liblxc does not restore consoles", "a container without <console> can be saved"
    if any(one.type in _IMAGED for one in held.filesystems):
        yield "CRIU does not restore mounted images", "keep the root in a directory (<filesystem type='mount'>)"
    if held.hostdevs:
        yield "CRIU does not save the state of the host's devices", "detach them first"
    for interface in held.interfaces:
        if interface.type == "direct":
            yield "CRIU does not restore macvlan and ipvlan interfaces", "connect it to a bridge or a network"


def restorable(plan: Plan) -> Plan:
    """The plan as liblxc can restore it: where the kernel has no AppArmor, CRIU refuses to be told a profile."""
    if os.path.isdir("/sys/kernel/security/apparmor"):
        return plan
    return replace(plan, lines=tuple(line for line in plan.lines if line[0] != "lxc.apparmor.profile"))


def complaints(text: str) -> list[str]:
    """What went wrong by the words of CRIU, without what it says of every container."""
    return [said for said in _TOLD.findall(text) if not said.startswith(_NOISE)]


def dump(files: GuestFiles, name: str, images: str) -> None:
    """Write the images of a container, which runs on, into a directory. Raises HypervisorError, with CRIU's words."""
    answer = _run(files, ["--checkpoint-dir", images, "--verbose"], f"{images}.log")
    if answer.code:
        raise _failure(f"domain {name!r} could not be saved", answer, f"{images}/dump.log", f"{images}.log")


def restore(files: GuestFiles, name: str, images: str) -> None:
    """Have liblxc take a container up from its images; its monitor is one like any other. Raises HypervisorError."""
    words = ["--restore", "--daemon", "--rcfile", files.config, "--checkpoint-dir", images, "--verbose"]
    answer = _run(files, words, files.journal)
    if answer.code:
        raise _failure(f"domain {name!r} could not be restored", answer, f"{images}/restore.log", files.journal)


def _run(files: GuestFiles, words: list[str], log: str) -> tools.Answer:
    command = [*tools.hearing(), tools.find("lxc-checkpoint"), "--name", str(files.uuid), "--lxcpath", files.lxcpath]
    with _defined(files):
        return tools.run([*command, *words, "--logfile", log, "--logpriority", "INFO"], timeout=LONGEST, quiet=True)


@contextmanager
def _defined(files: GuestFiles) -> Iterator[None]:
    """liblxc checkpoints only what has a directory of configuration where it looks, which ours have elsewhere."""
    place = f"{files.lxcpath}/{files.uuid}"
    with reported("make", place):
        try:
            os.symlink(files.directory, place)
        except FileExistsError:
            os.unlink(place)  # of one that was cut short
            os.symlink(files.directory, place)
    try:
        yield
    finally:
        undefine(files)


def undefine(files: GuestFiles) -> None:
    """Take that away, if it is there."""
    place = f"{files.lxcpath}/{files.uuid}"
    if os.path.islink(place):
        with reported("remove", place), suppress(FileNotFoundError):
            os.unlink(place)


def _failure(what: str, answer: tools.Answer, log: str, journal_path: str) -> HypervisorError:
    """Why, in CRIU's words, else in liblxc's."""
    try:
        with open(log, encoding="utf-8", errors="replace") as file:
            said = complaints(file.read())
    except OSError:
        said = []  # CRIU was not even started
    said = said or journal.complaints(journal_path)
    why = "; ".join(dict.fromkeys(said[:3])) or f"lxc-checkpoint ended with status {answer.code}"
    return HypervisorError(
        f"{what}: {why}",
        driver="lxc",
        hint="free some space" if "No space left" in why else "see criu.org/What_cannot_be_checkpointed",
        details={"status": answer.code},
    )
