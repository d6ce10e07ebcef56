"""What the driver's tests without a hypervisor share: a QEMU that answers from a recording."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import polyvisor
from polyvisor.model.domain import Domain
from polyvisor.state import Paths
from polyvisor_qemu import arches, argv, completion, live, probe
from polyvisor_qemu.session import GuestFiles

EMULATOR = "/usr/bin/qemu-system-x86_64"
RECORDING = Path(__file__).with_name("recorded_7.2.json")

UUID = "c0ffee00-0000-4000-8000-000000000001"


class RecordedAnswers(probe.Answers):
    """Answers of QEMU 7.2 as Debian builds it, recorded from the real one and cut down to some machines and CPUs."""

    def emulator(self, path: str) -> probe.Emulator:
        return probe.Emulator(path, self)

    def emulators(self, paths):
        return [self.emulator(path) for path in paths]

    def of(self, path: str, lot: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(RECORDING.read_text())[lot]
        return found


@pytest.fixture
def answers(tmp_path: Path) -> RecordedAnswers:
    return RecordedAnswers(tmp_path / "cache")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if QEMU were installed, for x86_64 alone."""
    monkeypatch.setattr(arches, "find_emulator", lambda arch: EMULATOR if arch == "x86_64" else None)
    monkeypatch.setattr(arches, "host_arch", lambda: "x86_64")
    monkeypatch.setattr(probe, "Answers", RecordedAnswers)


@pytest.fixture
def connection(installed: None, tmp_path: Path) -> Iterator[polyvisor.Connection]:
    """A connection to an empty place of its own; nothing can be started on it."""
    with polyvisor.open(f"qemu:///embed?root={tmp_path}") as opened:
        yield opened


def document(devices: str = "", *, machine: str = "pc", kind: str = "qemu", extra: str = "", name: str = "demo") -> str:
    """A small domain; ``extra`` stands beside ``<devices>``."""
    return f"""<domain type='{kind}' xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'>
  <name>{name}</name><uuid>{UUID}</uuid><memory unit='MiB'>64</memory>
  {"" if "<vcpu" in extra else "<vcpu>1</vcpu>"}
  {"" if "<os" in extra else f"<os><type arch='x86_64' machine='{machine}'>hvm</type></os>"}
  {extra}
  <devices><emulator>{EMULATOR}</emulator>{devices}</devices>
</domain>"""


@pytest.fixture
def completed(answers: RecordedAnswers, tmp_path: Path) -> Callable[..., Domain]:
    """A document as the driver would store it."""
    from polyvisor import model
    from polyvisor.model.domain.completion import complete
    from polyvisor_qemu.model import CLASSES

    def make(devices: str = "", **options: str) -> Domain:
        config = model.parse("domain", document(devices, **options), contributions=CLASSES)
        assert isinstance(config, Domain)
        complete(config)
        completion.complete(config, answers, files(tmp_path))
        return config

    return make


def files(root: Path) -> GuestFiles:
    from uuid import UUID as Uuid

    return GuestFiles(Paths.embedded("qemu", root), Uuid(UUID))


@pytest.fixture
def plan(completed: Callable[..., Domain], answers: RecordedAnswers, tmp_path: Path) -> Callable[..., argv.Plan]:
    """What would be run for a document."""

    def make(devices: str = "", **options: str) -> argv.Plan:
        config = live.instance(completed(devices, **options), 1)
        return argv.compose(config, answers, files(tmp_path))

    return make


@pytest.fixture
def arguments(plan: Callable[..., argv.Plan], tmp_path: Path) -> Callable[..., list[str]]:
    """The command line of a document as ``-option value`` lines, with the test's directory written as ROOT."""

    def make(devices: str = "", **options: str) -> list[str]:
        made = plan(devices, **options).arguments
        lines: list[str] = []
        for word in made[1:]:
            if word.startswith("-") or not lines:
                lines.append(word)
            else:
                lines[-1] += f" {word}"
        return [line.replace(str(tmp_path), "ROOT") for line in lines]

    return make
