"""What is particular to sandboxes; what holds for every driver is asked by the conformance suite."""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

import polyvisor
from polyvisor.errors import HypervisorError, UnsupportedConfiguration
from polyvisor.spi import DomainState

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

DOCUMENT = """
<domain type='bubblewrap'>
  <name>box</name>
  <memory>65536</memory>
  <os>
    <type>exe</type>
    <init>/bin/sh</init>
    <initarg>-c</initarg>
    <initarg>{script}</initarg>
    <initenv name='COLOUR'>green</initenv>
  </os>
  {more}
  <devices>{devices}</devices>
</domain>
"""
SHARED = "<filesystem type='mount'><source dir='{source}'/><target dir='/mnt'/>{flags}</filesystem>"


@pytest.fixture
def uri(tmp_path):
    return f"bubblewrap:///embed?root={tmp_path / 'root'}"


@pytest.fixture
def connection(uri):
    with polyvisor.open(uri) as opened:
        yield opened
        for row in opened.domains(active=True):
            opened.domain(row.name).destroy()


@pytest.fixture
def box(connection):
    """Defines a sandbox that runs a line of shell."""
    return lambda script, devices="", more="": connection.define(
        DOCUMENT.format(script=script.replace("&", "&amp;").replace("<", "&lt;"), devices=devices, more=more)
    )


def console(domain):
    return Path(domain.config().devices.consoles[0].source.path)


def until(holds, seconds=10):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def ran(domain):
    """Run a sandbox to its end; what it printed."""
    domain.start()
    until(lambda: not domain.is_active)
    return console(domain).read_text()


def test_what_it_prints_is_in_the_file_of_its_console(box):
    domain = box("echo to you; echo and to me >&2")
    assert ran(domain) == "to you\nand to me\n"
    assert console(domain).stat().st_mode & 0o777 == 0o600


def test_the_file_may_be_the_documents(box, tmp_path):
    device = f"<console type='file'><source path='{tmp_path}/out.txt'/></console>"
    ran(box("echo hello", devices=device))
    assert (tmp_path / "out.txt").read_text() == "hello\n"


def test_it_sees_the_host_but_cannot_change_it_and_nobody_else(box, tmp_path):
    mark = tmp_path / "mark"
    said = ran(box(f"touch {mark} || echo refused; hostname; echo $COLOUR $HOME; echo /proc/[0-9]*; cat /proc/net/dev"))
    assert "refused" in said and not mark.exists()
    assert "\nbox\ngreen\n" in said
    assert len(next(line for line in said.splitlines() if line.startswith("/proc/")).split()) <= 3
    assert [line.split(":")[0].strip() for line in said.splitlines() if ":" in line][-1:] == ["lo"]


def test_directories_are_shared_as_the_document_says(box, tmp_path):
    domain = box("echo written > /mnt/file", devices=SHARED.format(source=tmp_path, flags=""))
    ran(domain)
    assert (tmp_path / "file").read_text() == "written\n"
    domain.undefine()
    said = ran(box("echo again > /mnt/file || cat /mnt/file", SHARED.format(source=tmp_path, flags="<readonly/>")))
    assert said.endswith("written\n") and "Read-only" in said


@pytest.mark.parametrize(("script", "reason"), [("exit 0", "shutdown"), ("exit 3", "crashed")])
def test_how_it_ended_is_known(box, script, reason):
    domain = box(script)
    ran(domain)
    assert domain.state().reason == reason


def test_a_start_that_fails_says_so_in_bubblewraps_words(box):
    domain = box("true", devices=SHARED.format(source="/no/such/directory", flags=""))
    with pytest.raises(HypervisorError, match="/no/such/directory"):
        domain.start()
    assert domain.state().state is DomainState.SHUT_OFF


def test_it_outlives_the_process_that_started_it(box, connection, uri):
    box("while :; do sleep 1; done")
    start = f"import polyvisor\nwith polyvisor.open({uri!r}) as it: print(it.domain('box').start().id)"
    began = subprocess.run([sys.executable, "-c", start], capture_output=True, text=True, check=True, timeout=60)
    domain = connection.domain("box")
    assert domain.id == int(began.stdout)
    assert domain.state().state is DomainState.RUNNING
    domain.suspend()
    with polyvisor.open(uri) as other:
        assert other.domain("box").state().state is DomainState.PAUSED
        other.domain("box").resume()
    domain.destroy()
    assert domain.state().reason == "destroyed"


def test_all_of_it_stands_still_while_it_is_paused_and_its_time_is_counted(box):
    domain = box("while :; do :; done & while :; do :; done")
    domain.start()
    until(lambda: domain.info().cpu_time_ns > 50_000_000)
    domain.suspend()
    before = domain.info().cpu_time_ns
    begun = time.process_time_ns()
    until(lambda: time.process_time_ns() > begun + 50_000_000)  # the sandbox would have had as much
    assert domain.info().cpu_time_ns == before
    domain.resume()
    until(lambda: domain.info().cpu_time_ns > before)


def test_figures_of_all_come_in_one_call(box, connection):
    box("while :; do sleep 1; done").start()
    (stats,) = connection.domain_stats(active=True)
    assert stats.values["state.state"] == 1
    assert stats.values["cpu.time"] == stats.values["cpu.user"] + stats.values["cpu.system"]
    assert stats.values["balloon.rss"] > 100


@pytest.mark.parametrize(
    ("devices", "more", "named"),
    [
        ("<interface type='user'/>", "", "interface"),
        (SHARED.format(source="/", flags="").replace("'mount'", "'mount' accessmode='mapped'"), "", "filesystem"),
        ("<console type='pty'/>", "", "console"),
        ("", "<vcpu>4</vcpu>", "vcpu"),
        ("", "<on_reboot>destroy</on_reboot>", "on_reboot"),
        ("", "<clock offset='localtime'/>", "clock"),
    ],
)
def test_what_a_sandbox_cannot_have_is_refused_by_name(box, devices, more, named):
    with pytest.raises(UnsupportedConfiguration, match=named):
        box("true", devices, more)
