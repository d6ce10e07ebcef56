#!/usr/bin/env python3
"""Measure how the driver for VMware lists and dumps guests of a simulated server, with its requests counted.

    python benchmarks/esx.py [--guests N] [--rounds N] [--delay MS] [--json FILE]

Needs the simulator of the tests (golang-go and golang-github-vmware-govmomi-dev of Debian) and an environment with
polyvisor and polyvisor-esx. A bulk read of every guest's name, state and UUID by pyvmomi alone is timed in every round.

libvirt's driver cannot talk to this simulator unpatched, so its figures are those measured once with a patched one:
3N+14 requests and 4.0 s to list 1000 guests, 4N+14 and 6.5 s to dump them, beside 0.8 s for pyvmomi's bulk read. They
are scaled by what that read takes here. With a delay, each request waits that long at a relay between the two; what
libvirt's requests would wait for alone is N times the delay. Nothing asserts a time.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "live" / "esx" / "vcsim"))
import simulator

LIBVIRT_LIST, LIBVIRT_DUMP, LIBVIRT_BULK = 4.0, 6.5, 0.8
"""Seconds for 1000 guests, and of the bulk read beside them."""

MEASURED = ("pyvmomi", "list", "documents", "as XML", "statistics", "one document")


@dataclass
class Cost:
    """What something took. ``cpu`` is this process's."""

    wall: float
    cpu: float
    requests: int


def cost(session: object, work: Callable[[], object]) -> Cost:
    transport = session.transport
    requests, cpu, wall = transport.calls, time.process_time(), time.perf_counter()
    work()
    return Cost(time.perf_counter() - wall, time.process_time() - cpu, transport.calls - requests)


class Relay:
    """Passes bytes on to a server; each piece from the client waits ``delay`` seconds first."""

    def __init__(self, port: int, delay: float) -> None:
        self.target, self.delay = port, delay
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self.target))
            for source, target, delay in ((client, server, self.delay), (server, client, 0.0)):
                threading.Thread(target=self._pass, args=(source, target, delay), daemon=True).start()

    @staticmethod
    def _pass(source: socket.socket, target: socket.socket, delay: float) -> None:
        try:
            while data := source.recv(1 << 16):
                if delay:
                    time.sleep(delay)
                target.sendall(data)
            target.shutdown(socket.SHUT_WR)
        except OSError:
            return


def bulk(session: object) -> None:
    """What pyvmomi alone reads of every guest at once, as it did when libvirt was measured."""
    from pyVmomi import vim

    from polyvisor_esx.properties import view_filter

    content = session.content
    view = content.viewManager.CreateContainerView(content.rootFolder, [vim.VirtualMachine], True)
    wanted = view_filter(vim.VirtualMachine, ("name", "runtime.powerState", "config.uuid"), view)
    read = content.propertyCollector.RetrieveContents([wanted])
    assert read


def measure(server: simulator.Simulator, rounds: int) -> dict[str, list[Cost]]:
    import polyvisor
    from polyvisor_esx import documents

    found: dict[str, list[Cost]] = {what: [] for what in MEASURED}
    with polyvisor.open(server.uri(), credentials=server.credentials) as connection:
        session = connection._invoker.session
        listed = connection.list_domains()
        last = connection.domain(uuid=listed[-1].ref.uuid)
        for _ in range(rounds):
            found["pyvmomi"].append(cost(session, lambda: bulk(session)))
            found["list"].append(cost(session, connection.list_domains))
            found["documents"].append(cost(session, lambda: list(documents.every(session))))
            found["as XML"].append(cost(session, lambda: [str(each) for _ref, each in documents.every(session)]))
            found["statistics"].append(cost(session, connection.domain_stats))
            found["one document"].append(cost(session, last.xml))
        assert len(listed) == len(connection.domain_stats())
    return found


def opening(server: simulator.Simulator, port: int) -> tuple[float, int]:
    """Seconds and requests of a whole life: log in, list, log out."""
    import polyvisor

    uri = server.uri().replace(str(server.port), str(port))
    began = time.perf_counter()
    with polyvisor.open(uri, credentials=server.credentials) as connection:
        session = connection._invoker.session
        connection.list_domains()
    return time.perf_counter() - began, session.transport.calls


def medians(found: dict[str, list[Cost]]) -> dict[str, dict[str, float]]:
    return {
        what: {name: statistics.median(getattr(each, name) for each in costs) for name in ("wall", "cpu", "requests")}
        for what, costs in found.items()
    }


def report(guests: int, table: dict[str, dict[str, float]]) -> None:
    scale = table["pyvmomi"]["wall"] / LIBVIRT_BULK  # of so many guests on this machine
    dump = LIBVIRT_DUMP, 4 * guests + 14
    peers = {"list": (LIBVIRT_LIST, 3 * guests + 14), "documents": dump, "as XML": dump}
    print(f"{guests} guests; libvirt's figures are scaled by {scale:.2f}")
    print(f"{'':14} {'wall s':>8} {'CPU s':>8} {'requests':>9} {'libvirt s':>10} {'requests':>9} {'ratio':>6}")
    for what, row in table.items():
        line = f"{what:14} {row['wall']:8.3f} {row['cpu']:8.3f} {row['requests']:9.0f}"
        if what in peers:
            seconds, requests = peers[what][0] * scale, peers[what][1]
            line += f" {seconds:10.3f} {requests:9} {row['wall'] / seconds:6.2f}"
        print(line)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--guests", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--delay", type=float, default=10.0, help="milliseconds a request waits, for 100 guests")
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory(prefix="polyvisor-esx-") as directory:
        try:
            server = simulator.start("esx", Path(directory), guests=options.guests)
        except simulator.Absent as missing:
            print(missing, file=sys.stderr)
            return 1
        try:
            table = medians(measure(server, options.rounds))
        finally:
            server.stop()
        report(options.guests, table)
        server = simulator.start("esx", Path(directory), guests=100)
        relay = Relay(server.port, options.delay / 1000)
        try:
            seconds, requests = opening(server, relay.port)
        finally:
            relay.listener.close()
            server.stop()
    least = (3 * 100 + 14) * options.delay / 1000
    print(f"100 guests, {options.delay:.0f} ms a request: opened, listed and closed in {seconds:.2f} s and {requests}")
    print(f"requests; 3N+14 requests wait for {least:.2f} s, {least / seconds:.1f} times as long")
    if options.json:
        delayed = {"seconds": seconds, "requests": requests, "libvirt_least": least}
        Path(options.json).write_text(json.dumps({"guests": options.guests, **table, "delayed": delayed}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
