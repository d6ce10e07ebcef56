"""Probing: asked once, remembered until the binary changes, and honest about failures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from polyvisor.errors import HypervisorError, UnsupportedConfiguration
from polyvisor_qemu.probe import Answers

FAKE = """#!PYTHON
import json, socket, sys
answers = json.load(open("ANSWERS"))
with open("RUNS", "a") as file:
    file.write(" ".join(sys.argv) + chr(10))
number = next(int(part[3:]) for word in sys.argv for part in word.split(",") if part.startswith("fd="))
end = socket.socket(fileno=number)
end.sendall(b'{"QMP": {}}' + bytes([10]))
for line in end.makefile("rb"):
    command = json.loads(line)["execute"]
    if command == "query-tpm-types":
        reply = {"error": {"class": "CommandNotFound", "desc": "no"}}
    else:
        reply = {"return": answers.get(command, {})}
    end.sendall(json.dumps(reply).encode() + bytes([10]))
    if command == "quit":
        break
"""

RECORDED = json.loads(Path(__file__).with_name("recorded_7.2.json").read_text())


@pytest.fixture
def emulator(tmp_path: Path) -> Path:
    """A program that answers as QEMU 7.2 did, and notes each time it is run."""
    answers = tmp_path / "answers.json"
    answers.write_text(json.dumps({**RECORDED["devices"], **RECORDED["basics"]}))
    path = tmp_path / "qemu-system-x86_64"
    program = FAKE.replace("PYTHON", sys.executable).replace("ANSWERS", str(answers))
    path.write_text(program.replace("RUNS", str(tmp_path / "runs")))
    path.chmod(0o755)
    return path


def runs(tmp_path: Path) -> int:
    noted = tmp_path / "runs"
    return len(noted.read_text().splitlines()) if noted.exists() else 0


def test_facts_come_from_the_emulator(emulator, tmp_path):
    found = Answers(tmp_path / "cache").emulator(str(emulator))
    assert found.version == (7, 2, 22) and found.target == "x86_64" and found.kvm_built_in
    assert found.machine("pc").name == "pc-i440fx-7.2" and found.machine(None).name == "pc-i440fx-7.2"
    assert found.machine("q35").max_cpus == 288 and found.machine("none") is None
    assert {"EPYC", "qemu64"} <= {cpu.name for cpu in found.cpus()}


def test_an_emulator_is_run_once(emulator, tmp_path):
    for _ in range(3):
        answers = Answers(tmp_path / "cache")
        assert answers.emulator(str(emulator)).version
        assert answers.emulator(str(emulator)).machines
    assert runs(tmp_path) == 1


def test_a_changed_emulator_is_asked_again_and_the_old_answer_is_swept(emulator, tmp_path):
    Answers(tmp_path / "cache").of(str(emulator), "basics")
    emulator.write_text(emulator.read_text() + "# newer\n")
    Answers(tmp_path / "cache").of(str(emulator), "basics")
    assert runs(tmp_path) == 2
    assert len(list((tmp_path / "cache").iterdir())) == 1


def test_what_is_not_asked_for_is_not_found_out(emulator, tmp_path):
    found = Answers(tmp_path / "cache").emulator(str(emulator))
    assert found.version
    assert runs(tmp_path) == 1
    assert "virtio-blk-pci" in found.types
    assert runs(tmp_path) == 2


def test_a_question_the_emulator_does_not_know_has_no_answer(emulator, tmp_path):
    assert Answers(tmp_path / "cache").emulator(str(emulator)).tpm == (("tpm-crb", "tpm-tis"), ())


def test_a_spoilt_cache_is_made_anew(emulator, tmp_path):
    Answers(tmp_path / "cache").of(str(emulator), "basics")
    for file in (tmp_path / "cache").iterdir():
        file.write_text("{half")
    assert Answers(tmp_path / "cache").emulator(str(emulator)).version == (7, 2, 22)


def test_a_cache_that_cannot_be_written_costs_time_only(emulator, tmp_path):
    (tmp_path / "cache").write_text("a file where a directory should be")
    assert Answers(tmp_path / "cache").emulator(str(emulator)).version == (7, 2, 22)


def test_several_emulators_are_asked_together(emulator, tmp_path):
    other = tmp_path / "qemu-system-i386"
    other.write_text(emulator.read_text())
    other.chmod(0o755)
    found = Answers(tmp_path / "cache").emulators([str(emulator), str(other), str(emulator)])
    assert [each.path for each in found] == [str(emulator), str(other), str(emulator)]
    assert runs(tmp_path) == 2


def test_an_emulator_that_fails_is_quoted(tmp_path):
    path = tmp_path / "qemu-system-x86_64"
    path.write_text("#!/bin/sh\necho 'qemu: could not load the BIOS' >&2; exit 1\n")
    path.chmod(0o755)
    with pytest.raises(HypervisorError, match="could not load the BIOS"):
        Answers(tmp_path / "cache").of(str(path), "basics")


def test_a_missing_emulator_says_what_to_do(tmp_path):
    with pytest.raises(UnsupportedConfiguration, match=r"no emulator at /nowhere.*<emulator>"):
        Answers(tmp_path / "cache").emulator("/nowhere/qemu")
