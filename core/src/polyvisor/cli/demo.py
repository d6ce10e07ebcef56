"""``polyvisor demo``: the life of a tiny real guest under QEMU, from its document to its end.

Every step is a line as a person would type it. It is shown and then given to a shell, so that what is seen is what
that line prints; nothing in it comes from outside this file. All of it happens in a private temporary directory,
which is removed in the end, whatever happens.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

import polyvisor
from polyvisor.errors import ConnectFailed, OperationTimeout, PolyvisorError

if TYPE_CHECKING:
    from types import FrameType

STEP_SECONDS = 60.0
"""How long one step may take before the demo gives up; each takes a fraction of a second."""


@dataclass(frozen=True, slots=True)
class Step:
    """One line for the shell. ``typed`` is a dialogue with it: what to wait for, what to type then."""

    remark: str
    line: str
    status: int = 0
    typed: tuple[tuple[str, str], ...] = ()


STEPS = (
    Step(
        "A guest and its document: the boot sector that comes with the QEMU driver.",
        """\
cp "$(python3 -m polyvisor_qemu.guest)" tiny.img
cat > tiny.xml <<END
<domain type='qemu'>
  <name>tiny</name>
  <memory unit='MiB'>16</memory>
  <vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
  </os>
  <features>
    <acpi/>
  </features>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/>
      <source file='$PWD/tiny.img'/>
      <target dev='vda' bus='virtio'/>
    </disk>
    <serial type='pty'/>
  </devices>
</domain>
END""",
    ),
    Step(
        "A slip of the pen does not get far.",
        "sed 's/target dev=/target div=/' tiny.xml > typo.xml; polyvisor validate typo.xml",
        status=1,
    ),
    Step("Without it:", "polyvisor validate tiny.xml"),
    Step("Keep it, start it under QEMU, and see it run.", "polyvisor define tiny.xml"),
    Step("", "polyvisor start tiny"),
    Step("", "polyvisor list --all"),
    Step("", "polyvisor domstate --reason tiny"),
    Step(
        "Its serial console: what it said so far, then a dialogue. It echoes what is typed; ^] leaves.",
        "polyvisor console tiny --replay 4096",
        typed=(("ready\r\n> ", "hello\r"), ("hello\r\n> ", "\x1d")),
    ),
    Step(
        "The same from Python: press the ACPI power button and wait for the guest to go.",
        """\
python3 - <<END
import polyvisor

with polyvisor.open() as connection, connection.events(domain="tiny") as events:
    connection.domain("tiny").shutdown()
    for event in events:
        print(event.domain.name, event.event, event.detail)
        if event.event == "stopped":
            break
END""",
    ),
    Step("", "polyvisor list --all"),
    Step("", "polyvisor undefine tiny"),
    Step("", "polyvisor list --all"),
)


def run() -> int:
    """Do all the steps; returns the exit status. Raises what keeps the demo from starting."""
    check_requirements()
    with tempfile.TemporaryDirectory(prefix="polyvisor-demo-") as directory:
        environment = surroundings(Path(directory))
        uri = environment["POLYVISOR_DEFAULT_URI"]
        show("In a directory of its own, so that nothing else is touched.")
        show('cd "$(mktemp --directory)"; export POLYVISOR_DEFAULT_URI="qemu:///embed?root=$PWD/state"', prompt=True)
        terminated = signal.signal(signal.SIGTERM, leave)
        try:
            for step in STEPS:
                perform(step, environment, directory)
        finally:
            if Path(directory, "state").exists():
                clear_away(uri)
            signal.signal(signal.SIGTERM, terminated)
    show("That was a real guest, from its document to its end.")
    return 0


def leave(number: int, frame: FrameType | None) -> NoReturn:
    """End the process by an exception, so that what it started is cleared away."""
    raise SystemExit(128 + number)


def check_requirements() -> None:
    """Raise ConnectFailed saying what to install when the QEMU driver or QEMU itself is missing."""
    from importlib.util import find_spec

    if find_spec("polyvisor_qemu") is None:
        raise ConnectFailed("the demo needs the QEMU driver", hint="pip install 'polyvisor[qemu]'")
    if shutil.which("qemu-system-x86_64") is None:
        raise ConnectFailed(
            "the demo needs QEMU for x86, and there is no qemu-system-x86_64 in PATH",
            hint="on Debian: apt-get install qemu-system-x86",
        )


def surroundings(directory: Path) -> dict[str, str]:
    """The environment of the steps: this Polyvisor first in PATH, the demo's own URI, no settings of the user's."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("POLYVISOR_")}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}"
    environment["POLYVISOR_DEFAULT_URI"] = f"qemu:///embed?root={directory}/state"
    environment["POLYVISOR_CONFIG"] = os.devnull
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


def show(text: str, *, prompt: bool = False) -> None:
    """Print a remark, or a line with the shell's prompt and, for what it goes on with, the prompt's second form."""
    if prompt:
        for number, line in enumerate(text.splitlines()):
            click.secho(f"{'>' if number else '$'} {line}", bold=True)
    elif text:
        click.secho(f"\n# {text}", dim=True)
    sys.stdout.flush()


def perform(step: Step, environment: dict[str, str], directory: str) -> None:
    """Show a step, give it to the shell, and raise PolyvisorError if it does not end as it should."""
    show(step.remark)
    show(step.line, prompt=True)
    process = subprocess.Popen(
        ["/bin/sh", "-c", step.line],
        cwd=directory,
        env=environment,
        stdin=subprocess.PIPE if step.typed else subprocess.DEVNULL,
        stdout=subprocess.PIPE if step.typed else None,
    )
    with process:
        try:
            if step.typed:
                converse(process, step.typed)
            status = process.wait(STEP_SECONDS)
        except (subprocess.TimeoutExpired, TimeoutError):
            raise OperationTimeout(
                f"{step.line.splitlines()[0]!r} was not done after {STEP_SECONDS:.0f} s", operation="demo"
            ) from None
        finally:
            process.kill()
    if status != step.status:
        raise PolyvisorError(
            f"{step.line.splitlines()[-1]!r} ended with status {status}, not {step.status}", operation="demo"
        )
    if status:
        show(f"refused, with exit status {status}")


def converse(process: subprocess.Popen[bytes], dialogue: tuple[tuple[str, str], ...]) -> None:
    """Print what the process says; each time it has said what is waited for, type the answer.

    Raises TimeoutError when it does not say it in time."""
    import select

    assert process.stdin is not None
    assert process.stdout is not None
    deadline = time.monotonic() + STEP_SECONDS
    heard = ""
    for awaited, answer in dialogue:
        while awaited not in heard:
            ready, _, _ = select.select([process.stdout], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError(awaited)
            said = os.read(process.stdout.fileno(), 65536).decode(errors="replace")
            if not said:
                return
            heard += said
            click.echo(said.replace("\r", ""), nl=False)
        heard = heard.partition(awaited)[2]
        process.stdin.write(answer.encode())
        process.stdin.flush()
    rest = process.communicate(timeout=max(0.0, deadline - time.monotonic()))[0]
    click.echo(rest.decode(errors="replace").replace("\r", ""), nl=False)


def clear_away(uri: str) -> None:
    """Destroy what a failed or interrupted demo has left running."""
    with polyvisor.open(uri) as connection:
        for row in connection.list_domains(active=True):
            connection.domain(uuid=row.ref.uuid).destroy()
