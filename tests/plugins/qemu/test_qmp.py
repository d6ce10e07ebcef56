"""The conversation with QEMU's monitor, against a server that misbehaves on demand."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from polyvisor.errors import HypervisorError, OperationTimeout
from polyvisor_qemu.qmp import CommandFailed, Monitor, MonitorClosed, listen

GREETING = b'{"QMP": {"version": {"qemu": {"major": 7, "minor": 2, "micro": 0}}, "capabilities": []}}\r\n'


class Qemu:
    """The other end: greets, then answers each command by ``answer``."""

    def __init__(self, answer: Callable[[dict], bytes]) -> None:
        self.ours, self.theirs = socket.socketpair()
        self.heard: list[dict] = []
        self._answer = answer
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        self.theirs.sendall(GREETING)
        with self.theirs.makefile("rb") as lines:
            for line in lines:
                command = json.loads(line)
                self.heard.append(command)
                reply = b'{"return": {}}\r\n' if command["execute"] == "qmp_capabilities" else self._answer(command)
                if not reply:
                    break
                self.theirs.sendall(reply)
        self.theirs.close()

    def stop(self) -> None:
        self.ours.close()
        self._thread.join(5)


@pytest.fixture
def serve() -> Iterator[Callable[..., tuple[Monitor, Qemu]]]:
    started: list[Qemu] = []

    def start(answer: Callable[[dict], bytes], timeout: float = 5) -> tuple[Monitor, Qemu]:
        qemu = Qemu(answer)
        started.append(qemu)
        return Monitor(qemu.ours, timeout=timeout), qemu

    yield start
    for qemu in started:
        qemu.stop()


def echo(command: dict) -> bytes:
    return json.dumps({"return": command.get("arguments", {})}).encode() + b"\r\n"


def test_results_come_back_in_the_order_of_the_commands(serve):
    monitor, _ = serve(echo)
    assert monitor.pipeline(("one", {"n": 1}), ("two", {"n": 2}), ("three", None)) == [{"n": 1}, {"n": 2}, {}]


def test_capabilities_are_negotiated_once(serve):
    monitor, qemu = serve(echo)
    monitor.execute("one")
    monitor.execute("two")
    assert [command["execute"] for command in qemu.heard] == ["qmp_capabilities", "one", "two"]


def test_the_greeting_is_kept(serve):
    monitor, _ = serve(echo)
    monitor.execute("one")
    assert monitor.greeting is not None and monitor.greeting["version"]["qemu"]["major"] == 7


def test_events_between_replies_are_collected(serve):
    monitor, _ = serve(lambda command: b'{"event": "STOP"}\r\n\r\n' + echo(command))
    assert monitor.execute("stop", {"a": 1}) == {"a": 1}
    assert [event["event"] for event in monitor.events] == ["STOP"]


def test_a_refusal_names_the_command_and_carries_qemus_words(serve):
    monitor, _ = serve(lambda command: b'{"error": {"class": "GenericError", "desc": "no such node"}}\r\n')
    with pytest.raises(CommandFailed, match="QEMU refused blockdev-del: no such node") as caught:
        monitor.execute("blockdev-del", {"node-name": "x"})
    assert caught.value.details == {"command": "blockdev-del", "class": "GenericError", "description": "no such node"}


def test_commands_after_a_refused_one_have_their_own_replies(serve):
    def answer(command: dict) -> bytes:
        return b'{"error": {"desc": "no"}}\r\n' if command["execute"] == "bad" else echo(command)

    monitor, _ = serve(answer)
    replies = monitor.exchange(("bad", None), ("good", {"n": 1}))
    assert "error" in replies[0] and replies[1]["return"] == {"n": 1}
    assert monitor.execute("good", {"n": 2}) == {"n": 2}


def test_a_hang_up_is_told_with_the_command_it_came_during(serve):
    monitor, _ = serve(lambda command: b"")
    with pytest.raises(MonitorClosed, match="quit"):
        monitor.execute("quit")


def test_silence_ends_in_a_timeout(serve):
    monitor, _ = serve(lambda command: b" ", timeout=0.05)
    with pytest.raises(OperationTimeout, match="query-status"):
        monitor.execute("query-status")


@pytest.mark.parametrize("garbage", [b"not json\r\n", b"[1, 2]\r\n", b'"text"\r\n'])
def test_garbage_is_called_by_its_name(serve, garbage):
    monitor, _ = serve(lambda command: garbage)
    with pytest.raises(HypervisorError, match="not"):
        monitor.execute("query-status")


def test_a_reply_in_many_pieces_is_put_together(serve):
    monitor, _ = serve(lambda command: json.dumps({"return": "x" * 300_000}).encode() + b"\r\n")
    assert monitor.execute("query-qmp-schema") == "x" * 300_000


def test_a_socket_can_be_listened_on_and_reached_at_a_path_longer_than_an_address(tmp_path):
    directory = tmp_path / ("d" * 100)
    directory.mkdir()
    path = directory / "monitor"
    with listen(path), Monitor.connect(path):
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_socket_left_behind_is_replaced(tmp_path):
    path = tmp_path / "monitor"
    listen(path).close()
    with pytest.raises(MonitorClosed):
        Monitor.connect(path)
    with listen(path), Monitor.connect(path):
        pass


def test_a_missing_socket_says_where_it_was_looked_for(tmp_path):
    with pytest.raises(MonitorClosed, match="nowhere"):
        Monitor.connect(tmp_path / "nowhere")
