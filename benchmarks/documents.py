"""What documents cost by themselves: compiling the grammar, reading, completing, writing, keeping.

CPU time of a process of its own, not time of day, so that neighbours on the machine are not measured. libvirt has no
counterpart outside of its daemon: its API takes documents with an operation only, which run.py measures.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

SAMPLES = Path(__file__).parent.parent / "tests" / "core" / "model" / "samples"

COMPILE = """
import json, sys, time
began = time.process_time()
import polyvisor
imported = time.process_time() - began
assert "lxml" not in sys.modules, "importing polyvisor loads lxml"
from polyvisor import documents
from polyvisor.model.domain import Domain
import lxml.etree
began = time.process_time()
documents.gate(Domain)
print(json.dumps([imported, time.process_time() - began]))
"""

CYCLE = """
import json, statistics, sys, time
from pathlib import Path
from polyvisor import model
from polyvisor.errors import PolyvisorError

def once(text):
    began = time.process_time()
    model.format(model.complete("domain", model.parse("domain", text)))
    return time.process_time() - began

texts = [path.read_bytes() for path in sorted(Path(sys.argv[1]).rglob("*.xml"))]
texts = [text for text in texts if b"<domain" in text[:4000]]
valid = []
for text in texts:
    try:
        once(text)
    except PolyvisorError:
        continue
    valid.append(text)
print(json.dumps([statistics.median(once(text) for _ in range(int(sys.argv[2]))) for text in valid]))
"""

KEEP = """
import gc, sys
from polyvisor import model

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

text = open(sys.argv[1]).read()
model.complete("domain", model.parse("domain", text))
gc.collect()
before = resident()
kept = [model.complete("domain", model.parse("domain", text.replace("</name>", f"{n}</name>"))) for n in range(1000)]
gc.collect()
print((resident() - before) / 1000)
"""


def measure(domains: Path, rounds: int) -> dict[str, dict[str, list[float]]]:
    """CPU seconds of each, by what it is; the report takes medians."""
    compiled = [_run(COMPILE) for _ in range(rounds)]
    cycles = _run(CYCLE, str(domains), str(rounds))
    typical = statistics.median_low(cycles)
    size = float(_output(KEEP, str(SAMPLES / "server.xml")))
    print(f"{len(cycles)} domain documents; 1000 of a server's held: {size * 1000 / 2**20:.1f} MiB", file=sys.stderr)
    return {
        "import polyvisor, CPU": {"polyvisor": [found[0] for found in compiled]},
        "compile the domain grammar, CPU": {"polyvisor": [found[1] for found in compiled]},
        f"read, complete, write the median of {len(cycles)} domains, CPU": {"polyvisor": [typical]},
        "the same, slowest domain, CPU": {"polyvisor": [max(cycles)]},
    }


def sync_cost(directory: Path) -> dict[str, dict[str, list[float]]]:
    """What a stored change waits for on this machine's own disk: a file's and its directory's synchronisation."""
    times = []
    for number in range(20):
        began = time.perf_counter()
        descriptor = os.open(directory / f"{number}", os.O_CREAT | os.O_WRONLY)
        os.write(descriptor, b"x" * 4096)
        os.fsync(descriptor)
        os.close(descriptor)
        folder = os.open(directory, os.O_RDONLY)
        os.fsync(folder)
        os.close(folder)
        times.append(time.perf_counter() - began)
        os.unlink(directory / f"{number}")
    return {"synchronise a file and its directory to this disk": {"polyvisor": times}}


def _run(script: str, *arguments: str) -> list[float]:
    found: list[float] = json.loads(_output(script, *arguments))
    return found


def _output(script: str, *arguments: str) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout
