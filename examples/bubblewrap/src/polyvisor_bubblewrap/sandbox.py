"""The processes of one sandbox: begun by bwrap(1), found again by the file that they lock and in which it reports."""

import json
import os
import signal
import subprocess
import threading
import time
from functools import partial
from pathlib import Path

from polyvisor.errors import HypervisorError, OperationTimeout
from polyvisor.state import LivenessLock, alive, reported

TICK_NS, PAGE_KIB = 1_000_000_000 // os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE") // 1024
PRIVATE = partial(os.open, mode=0o600)


def until(holds, what, seconds=10.0):
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise OperationTimeout(f"{what} did not happen within {seconds:g} s")
        time.sleep(0.002)


class Sandbox:
    """One sandbox, whoever started it. It lives while its report is locked; a number may be reused."""

    def __init__(self, run, uuid):
        self.report = run / f"{uuid}.bwrap"

    def told(self, what):
        """What bwrap wrote: ``child-pid``, the first process as the host counts, and at the end ``exit-code``."""
        lines = self.report.read_text().splitlines() if self.report.exists() else ()
        return {key: value for line in lines if line.endswith("}") for key, value in json.loads(line).items()}.get(what)

    def start(self, arguments, log):
        """Begin it; returns when its program runs. Raises HypervisorError with bwrap's words when it does not."""
        with (
            reported("write", log),
            LivenessLock(self.report) as lock,
            open(os.dup(lock.fileno())) as twin,  # bwrap's parent half keeps the one open, its other half the other
            open(log, "wb", opener=PRIVATE) as output,
        ):
            os.truncate(lock.fileno(), 0)
            kept = lock.fileno(), twin.fileno()
            command = ["bwrap", "--json-status-fd", str(kept[0]), "--sync-fd", str(kept[1]), *arguments]
            streams = {"stdin": subprocess.DEVNULL, "stdout": output, "stderr": output}
            process = subprocess.Popen(command, pass_fds=kept, start_new_session=True, **streams)
        until(lambda: process.poll() is not None or self._runs_its_program(), "the start of the program")
        if process.poll() and (said := Path(log).read_text(errors="replace")).startswith("bwrap: "):
            raise HypervisorError(f"the sandbox did not start: {said.strip()}")
        threading.Thread(target=process.wait, daemon=True).start()  # so that it does not stay as a zombie

    def _runs_its_program(self):
        try:
            return any(os.path.basename(os.readlink(f"/proc/{pid}/exe")) != "bwrap" for pid in self.processes())
        except OSError:
            return False  # not yet, or no more

    def processes(self):
        """/proc/PID/stat by process (proc(5)), of the first, which is bwrap's, and of all below it."""
        found, waiting = {}, [self.told("child-pid")]
        for pid in waiting:
            try:
                found[pid] = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                for task in os.listdir(f"/proc/{pid}/task"):
                    waiting += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
            except OSError:
                continue  # gone meanwhile
        return found

    @property
    def stopped(self):
        return next((row[0] == "T" for row in self.processes().values()), False)

    def use(self):
        """CPU time in nanoseconds and resident memory in KiB, by the names of libvirt's figures."""
        rows = self.processes().values()
        user, system = (sum(int(row[at]) + int(row[at + 2]) for row in rows) * TICK_NS for at in (11, 12))
        kib = sum(int(row[21]) for row in rows) * PAGE_KIB
        return {"cpu.time": user + system, "cpu.user": user, "cpu.system": system, "balloon.rss": kib}

    @staticmethod
    def send(number, pids):
        for pid in pids:
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                continue  # it ended by itself

    def terminate(self):
        """Ask all but the first, which is bwrap's own and ends with its program."""
        self.send(signal.SIGTERM, [*self.processes()][1:])

    def _going(self):
        return [pid for pid, row in self.processes().items() if row[0] not in "TZX"]

    def suspend(self):
        """Stop every process, those that are born meanwhile too."""
        until(lambda: not (going := self._going()) or self.send(signal.SIGSTOP, going), "the stopping of all processes")

    def resume(self):
        self.send(signal.SIGCONT, [*self.processes()][::-1])
        until(lambda: not self.stopped, "the going on of the sandbox")

    def kill(self):
        """End it; its first process takes the others along. Returns when none is left."""
        self.send(signal.SIGKILL, [self.told("child-pid")])
        until(lambda: not alive(self.report), "the end of the sandbox")
