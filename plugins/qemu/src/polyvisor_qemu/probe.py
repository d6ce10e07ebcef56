"""What an emulator can do, asked over QMP once and remembered on disk.

Answers are kept as QEMU gave them, trimmed to what we read, in files named after what they depend on: path, size
and modification time of the binary and of QEMU's module directories, the accelerator, and :data:`FORMAT`. A
changed binary therefore finds no answer and is asked again; old files are swept away when a new one is written.

Facts come in lots, each asked only when needed: ``basics`` (version, machines, CPU models of TCG) take 25 to
45 ms, ``devices`` loads all of QEMU's modules (200 ms), ``kvm`` needs a usable /dev/kvm.
"""

from __future__ import annotations

import glob
import hashlib
import json
import logging
import os
import socket
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from polyvisor.errors import HostError, HypervisorError, UnsupportedConfiguration
from polyvisor.state import make_private_directory, write_atomic
from polyvisor_qemu.process import minimal_environment
from polyvisor_qemu.qmp import Command, Monitor

FORMAT = 1
"""Raised whenever the stored answers change their form."""

log = logging.getLogger(__name__)

_TIMEOUT = 20.0
_MODULES = ("/usr/lib/*/qemu", "/usr/lib64/qemu", "/usr/lib/qemu")


@dataclass(frozen=True, slots=True)
class Lot:
    """Questions asked together: the accelerator they need, the commands, and which keys of listed answers we keep."""

    accel: str
    commands: tuple[tuple[str, Mapping[str, Any] | None], ...]
    keep: Mapping[str, tuple[str, ...]]


_CPUS = ("name", "typename", "unavailable-features", "deprecated", "alias-of", "static", "migration-safe")
_MACHINES = ("name", "alias", "is-default", "cpu-max", "deprecated", "hotpluggable-cpus", "default-cpu-type")

LOTS: Mapping[str, Lot] = {
    "basics": Lot(
        "tcg",
        (
            ("query-version", None),
            ("query-target", None),
            ("query-machines", None),
            ("query-cpu-definitions", None),
            ("query-kvm", None),
        ),
        {"query-machines": _MACHINES, "query-cpu-definitions": _CPUS},
    ),
    "kvm": Lot("kvm", (("query-cpu-definitions", None),), {"query-cpu-definitions": _CPUS}),
    "devices": Lot(
        "tcg",
        (("qom-list-types", {"abstract": False}), ("query-tpm-models", None), ("query-tpm-types", None)),
        {"qom-list-types": ("name",)},
    ),
}


@dataclass(frozen=True, slots=True)
class MachineType:
    """A machine QEMU can be: ``name`` is the canonical one (``pc-q35-7.2``), ``alias`` a short one (``q35``)."""

    name: str
    alias: str | None
    default: bool
    max_cpus: int
    deprecated: bool
    hotpluggable_cpus: bool
    default_cpu: str | None


@dataclass(frozen=True, slots=True)
class CpuModel:
    """A CPU model; ``unavailable`` names the features this host cannot give it under the accelerator asked."""

    name: str
    alias_of: str | None
    unavailable: tuple[str, ...]
    deprecated: bool


class Emulator:
    """One binary and what it said about itself; further lots of facts are asked for on first use."""

    def __init__(self, path: str, answers: Answers) -> None:
        self.path = path
        self._answers = answers

    @cached_property
    def _basics(self) -> dict[str, Any]:
        return self._answers.of(self.path, "basics")

    @property
    def version(self) -> tuple[int, int, int]:
        """Major, minor and micro version."""
        found = self._basics["query-version"]["qemu"]
        return found["major"], found["minor"], found["micro"]

    @property
    def package(self) -> str:
        """What the distribution calls its build, without brackets."""
        return str(self._basics["query-version"].get("package", "")).strip(" ()")

    @property
    def target(self) -> str:
        """QEMU's name of the architecture it emulates."""
        return str(self._basics["query-target"]["arch"])

    @property
    def kvm_built_in(self) -> bool:
        """Whether the binary was built with KVM; says nothing about the host."""
        return bool(self._basics["query-kvm"]["present"])

    @cached_property
    def machines(self) -> tuple[MachineType, ...]:
        """Every machine type except ``none``, newest versions first as QEMU sorts none."""
        found = [
            MachineType(
                name=entry["name"],
                alias=entry.get("alias"),
                default=entry.get("is-default", False),
                max_cpus=entry["cpu-max"],
                deprecated=entry.get("deprecated", False),
                hotpluggable_cpus=entry.get("hotpluggable-cpus", False),
                default_cpu=entry.get("default-cpu-type"),
            )
            for entry in self._basics["query-machines"]
            if entry["name"] != "none"
        ]
        return tuple(sorted(found, key=lambda machine: _natural(machine.name), reverse=True))

    def machine(self, name: str | None) -> MachineType | None:
        """The machine type of that name or alias; of None the default one."""
        for machine in self.machines:
            if machine.default if name is None else name in (machine.name, machine.alias):
                return machine
        return None

    def cpus(self, accel: str = "tcg") -> tuple[CpuModel, ...]:
        """CPU models under ``tcg`` or ``kvm``, by name."""
        answer = self._basics if accel == "tcg" else self._answers.of(self.path, accel)
        found = [
            CpuModel(
                name=entry["name"],
                alias_of=entry.get("alias-of"),
                unavailable=tuple(entry.get("unavailable-features", ())),
                deprecated=entry.get("deprecated", False),
            )
            for entry in answer["query-cpu-definitions"] or ()
        ]
        return tuple(sorted(found, key=lambda cpu: cpu.name.lower()))

    @cached_property
    def types(self) -> frozenset[str]:
        """Names of every QOM type that can be made: devices, objects, backends."""
        return frozenset(entry["name"] for entry in self._answers.of(self.path, "devices")["qom-list-types"])

    @property
    def tpm(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """TPM models and TPM backends."""
        answer = self._answers.of(self.path, "devices")
        return tuple(answer["query-tpm-models"] or ()), tuple(answer["query-tpm-types"] or ())


class Answers:
    """The remembered answers of emulators, under a cache directory."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._known: dict[tuple[str, str], dict[str, Any]] = {}
        self._emulators: dict[str, Emulator] = {}

    def emulator(self, path: str) -> Emulator:
        """The emulator at ``path``; raises UnsupportedConfiguration when there is none."""
        if not os.access(path, os.X_OK):
            raise UnsupportedConfiguration(
                f"there is no emulator at {path}",
                driver="qemu",
                hint="correct <emulator>, or leave it out; 'polyvisor capabilities' lists those installed",
            )
        if (found := self._emulators.get(path)) is None:
            found = self._emulators[path] = Emulator(path, self)
        return found

    def emulators(self, paths: Iterable[str]) -> list[Emulator]:
        """Several emulators with their basics at hand; those not known yet are asked at the same time."""
        paths = list(paths)
        unknown = [path for path in dict.fromkeys(paths) if self._remembered(path, "basics") is None]
        for path, answer in zip(unknown, ask(unknown, LOTS["basics"]), strict=True):
            self._remember(path, "basics", answer)
        return [self.emulator(path) for path in paths]

    def of(self, path: str, lot: str) -> dict[str, Any]:
        """One lot of answers: remembered, or asked for now."""
        found = self._remembered(path, lot)
        if found is None:
            found = ask([path], LOTS[lot])[0]
            self._remember(path, lot, found)
        return found

    def _remembered(self, path: str, lot: str) -> dict[str, Any] | None:
        if (found := self._known.get((path, lot))) is not None:
            return found
        try:
            with open(self._file(path, lot), "rb") as file:
                answer = json.load(file)
        except (OSError, ValueError):
            return None
        if not isinstance(answer, dict) or answer.keys() != {name for name, _ in LOTS[lot].commands}:
            return None
        self._known[path, lot] = answer
        return answer

    def _remember(self, path: str, lot: str, answer: dict[str, Any]) -> None:
        self._known[path, lot] = answer
        file = self._file(path, lot)
        try:
            make_private_directory(self._cache)
            for old in self._cache.glob(glob.escape(_stem(path, lot)) + "-*.json"):
                old.unlink(missing_ok=True)
            write_atomic(file, json.dumps(answer, separators=(",", ":")).encode(), durable=False)
        except (HostError, OSError) as error:
            log.warning("what %s can do is not remembered: %s", path, error)

    def _file(self, path: str, lot: str) -> Path:
        return self._cache / f"{_stem(path, lot)}-{_fingerprint(path, LOTS[lot].accel)}.json"


def ask(paths: Sequence[str], lot: Lot) -> list[dict[str, Any]]:
    """Run each emulator without a machine, put the lot's questions to it and return the answers by command.

    A question that an emulator does not know is answered None. Raises HypervisorError with QEMU's own words when
    one does not even start."""
    running = [_Questioned(path, lot.accel) for path in paths]
    try:
        return [_trim(one.answers(lot.commands), lot) for one in running]
    finally:
        for one in running:
            one.close()


class _Questioned:
    """A QEMU that runs for the length of a question."""

    def __init__(self, path: str, accel: str) -> None:
        self.path = path
        ours, its = socket.socketpair()
        with its:
            try:
                self._process = subprocess.Popen(
                    _argv(path, accel, its.fileno()),
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    pass_fds=(its.fileno(),),
                    env=minimal_environment(),
                    cwd="/",
                )
            except OSError as error:
                ours.close()
                raise HostError(f"cannot run {path}: {error.strerror}", driver="qemu") from error
        self._monitor = Monitor(ours, timeout=_TIMEOUT)

    def answers(self, commands: Sequence[Command]) -> dict[str, Any]:
        try:
            replies = self._monitor.exchange(*commands, ("quit", None))
        except HypervisorError as error:
            self._process.kill()
            assert self._process.stderr is not None
            words = self._process.stderr.read().decode(errors="replace").strip()
            raise HypervisorError(f"{self.path} cannot be probed: {words or error.message}", driver="qemu") from error
        return {name: reply.get("return") for (name, _), reply in zip(commands, replies, strict=False)}

    def close(self) -> None:
        self._monitor.close()
        if self._process.poll() is None:
            self._process.kill()
        assert self._process.stderr is not None
        self._process.stderr.close()
        self._process.wait()


def _argv(path: str, accel: str, descriptor: int) -> list[str]:
    return [
        path, "-S", "-no-user-config", "-nodefaults", "-display", "none", "-machine", f"none,accel={accel}",
        "-chardev", f"socket,id=probe,fd={descriptor}", "-mon", "chardev=probe,mode=control",
    ]  # fmt: skip


def _trim(answers: dict[str, Any], lot: Lot) -> dict[str, Any]:
    for command, keys in lot.keep.items():
        if answers[command] is not None:
            answers[command] = [{key: entry[key] for key in keys if key in entry} for entry in answers[command]]
    return answers


def _stem(path: str, lot: str) -> str:
    return f"{os.path.basename(path)}-{hashlib.sha256(os.fsencode(path)).hexdigest()[:8]}-{lot}"


def _fingerprint(path: str, accel: str) -> str:
    depends: list[object] = [FORMAT, accel]
    try:
        status = os.stat(path)
    except OSError as error:
        raise UnsupportedConfiguration(f"cannot use the emulator {path}: {error.strerror}", driver="qemu") from error
    depends += [os.path.realpath(path), status.st_size, status.st_mtime_ns]
    for directory in sorted(found for pattern in _MODULES for found in glob.glob(pattern)):
        depends += [directory, os.stat(directory).st_mtime_ns]
    if accel == "kvm":
        depends += [os.uname().release, os.uname().version]
    return hashlib.sha256(json.dumps(depends).encode()).hexdigest()[:16]


def _natural(name: str) -> list[tuple[int, int | str]]:
    parts: list[tuple[int, int | str]] = []
    for part in name.replace("-", ".").split("."):
        parts.append((1, int(part)) if part.isdigit() else (0, part))
    return parts
