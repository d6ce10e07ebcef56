"""A vSphere server of the tests' own: govmomi's simulator with a certificate made here, a user and a password, and in
front of it what the simulator lacks or gets wrong (``front.go``)."""

from __future__ import annotations

import hashlib
import json
import os
import select
import shutil
import ssl
import subprocess
import sys
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

WORKSPACE = Path(__file__).parents[4]
PROGRAM = Path(os.environ.get("POLYVISOR_VCSIM", WORKSPACE / "build" / "vcsim" / "vcsim"))
USER, PASSWORD = "lab", "not-a-secret"


class Absent(Exception):
    """There is nothing to start; the message says what is missing."""


def require_program() -> Path:
    """The simulator, built if it is not; raises Absent where it cannot be."""
    if "POLYVISOR_VCSIM" not in os.environ:
        build = [sys.executable, str(Path(__file__).with_name("build.py")), str(PROGRAM)]
        done = subprocess.run(build, capture_output=True, text=True)
        if done.returncode:
            raise Absent(f"the vSphere simulator cannot be built: {done.stderr.strip()}")
    if not PROGRAM.is_file():
        raise Absent(f"there is no {PROGRAM}")
    return PROGRAM


@dataclass(frozen=True)
class Certificate:
    """A certificate for 127.0.0.1 and localhost that signs itself."""

    file: Path
    key: Path

    @property
    def thumbprint(self) -> str:
        """SHA-256, in hex."""
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(self.file.read_text())).hexdigest()


def make_certificate(directory: Path) -> Certificate:
    """Raises Absent without openssl."""
    if shutil.which("openssl") is None:
        raise Absent("openssl is not installed")
    made = Certificate(directory / "server.pem", directory / "server.key")
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", str(made.key), "-out", str(made.file)]
    subprocess.run([*command.split(), *names], check=True, capture_output=True)
    return made


@dataclass
class Simulator:
    """A running one. ``mode`` is ``esx`` or ``vpx``."""

    mode: str
    port: int
    certificate: Certificate
    process: subprocess.Popen[str] = field(repr=False)
    user: str = USER
    password: str = PASSWORD

    def uri(self, path: str = "", **parameters: str) -> str:
        """A URI of it, its certificate trusted unless ``parameters`` say how."""
        query = parameters or {"cacert": str(self.certificate.file)}
        options = "&".join(f"{key}={value}" for key, value in query.items())
        return f"{self.mode}://{self.user}@localhost:{self.port}/{path}?{options}"

    def credentials(self, names: tuple[str, ...], prompt: str) -> dict[str, str]:
        """What to pass to ``polyvisor.open``."""
        known = {"username": self.user, "password": self.password}
        return {name: known[name] for name in names}

    # -- what tests do to guests and see of them; ``guest`` is the number of the managed object (``vm-57``) ------------

    def ask(self, guest: str, text: str, choices: list[str], *, suggested: int = 0, at_start: bool = False) -> None:
        """Have a guest ask, now or at its next start. Answers have the keys 0, 1, ...; at a start, 0 ends it. None is
        suggested when ``suggested`` is 0."""
        asked = {"text": text, "choices": choices, "default": suggested, "start": at_start}
        self._page("question", asked, id=guest)

    def inside(self, guest: str) -> dict[str, Any]:
        """What a guest has noticed: boots, interrupts, keys, answers, tickets."""
        return dict(json.loads(self._page("guest", id=guest)))

    def leave_behind(self, guest: str) -> None:
        """Have deleted snapshots of a guest leave images behind, which have to be consolidated."""
        self._page("leftovers", {}, id=guest)

    def hold(self, method: str) -> None:
        """Have the next call of a method (``CloneVM_Task``) stay at 40 per cent, until ``release`` or CancelTask."""
        self._page("hold", {}, method=method)

    def release(self) -> None:
        """Let the tasks that are held go on."""
        self._page("release", {})

    def _page(self, name: str, body: dict[str, Any] | None = None, **query: str) -> bytes:
        context = ssl.create_default_context(cafile=str(self.certificate.file))
        url = f"https://localhost:{self.port}/tests/{name}?{urlencode(query)}"
        data = json.dumps(body).encode() if body is not None else None
        with urllib.request.urlopen(url, data, timeout=30, context=context) as answer:
            return bytes(answer.read())

    def stop(self) -> None:
        """End it."""
        assert self.process.stdin and self.process.stdout
        self.process.stdin.close()
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


def start(mode: str, directory: Path, *, guests: int = 2, folders: int = 0, page: int = 0) -> Simulator:
    """Start one and wait until it answers. It never tells of more than ``page`` objects at once. Raises Absent."""
    program, certificate = require_program(), make_certificate(directory)
    command = [str(program), "-mode", mode, "-guests", str(guests), "-folder", str(folders)]
    command += ["-page", str(page)]
    command += ["-certificate", str(certificate.file), "-key", str(certificate.key)]
    environment = {**os.environ, "VCSIM_USER": USER, "VCSIM_PASSWORD": PASSWORD, "TMPDIR": str(directory)}
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True, cwd=directory
    )
    assert process.stdout
    ready, _, _ = select.select([process.stdout], [], [], 60)
    url = process.stdout.readline().strip() if ready else ""
    port = urlsplit(url).port
    if port is None:
        process.kill()
        process.wait()
        raise RuntimeError("the vSphere simulator does not start")
    return Simulator(mode, port, certificate, process)
