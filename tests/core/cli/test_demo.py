"""What the demo says when it cannot run; that it runs is a live test."""

from __future__ import annotations

from pathlib import Path

import pytest

from polyvisor.cli import demo
from polyvisor.errors import ConnectFailed, OperationTimeout, PolyvisorError


def test_without_qemu_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("polyvisor_qemu")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ConnectFailed, match="apt-get install qemu-system-x86"):
        demo.run()


def test_a_step_that_fails_ends_it(tmp_path: Path) -> None:
    with pytest.raises(PolyvisorError, match="ended with status 3, not 0"):
        demo.perform(demo.Step("", "exit 3"), {}, str(tmp_path))


def test_a_step_that_should_fail_and_does_not_ends_it(tmp_path: Path) -> None:
    with pytest.raises(PolyvisorError, match="ended with status 0, not 1"):
        demo.perform(demo.Step("", "true", status=1), {}, str(tmp_path))


def test_what_is_shown_is_what_the_shell_is_given(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    demo.perform(demo.Step("Two lines.", "cat <<END\n$PWD\nEND"), {}, str(tmp_path))
    assert capfd.readouterr().out == f"\n# Two lines.\n$ cat <<END\n> $PWD\n> END\n{tmp_path}\n"


def test_a_dialogue_types_when_it_has_heard_what_it_waits_for(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    asks = "printf 'name? '; read -r name; printf 'hello %s\\r\\nage? ' $name; read -r age; echo $age"
    demo.perform(demo.Step("", asks, typed=(("name? ", "tiny\n"), ("age? ", "7\n"))), {}, str(tmp_path))
    assert capfd.readouterr().out.splitlines()[1:] == ["name? hello tiny", "age? 7"]


def test_a_dialogue_that_never_comes_ends_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "STEP_SECONDS", 0.05)
    with pytest.raises(OperationTimeout):
        demo.perform(demo.Step("", "cat", typed=(("never", ""),)), {}, str(tmp_path))
