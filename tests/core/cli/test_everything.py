"""Every command once or more on the simulated hypervisor, in one sitting each: what it prints and what it changes."""

from __future__ import annotations

import json
import os
import stat

import pytest

import polyvisor
from polyvisor.cli.shell import Shell

pytest.importorskip("polyvisor_test", reason="the driver `test` is not installed")

DOMAIN = "<domain type='test'><name>extra</name><memory>1024</memory><os><type>hvm</type></os></domain>"


@pytest.fixture
def run(invoke, monkeypatch):
    """Runs commands one after the other on one connection, so that each sees what those before it did."""
    monkeypatch.setenv("POLYVISOR_CONFIG", "")
    with polyvisor.open("test:///default") as connection:
        monkeypatch.setattr(Shell, "connection", property(lambda self: connection))
        yield invoke


@pytest.fixture
def device(tmp_path):
    """Writes a device's XML and returns the file's name."""

    def write(xml, name="device.xml"):
        (tmp_path / name).write_text(xml)
        return str(tmp_path / name)

    return write


READING = [
    "list --all",
    "dominfo test",
    "domstate test --reason",
    "domid test",
    "domcontrol test",
    "dumpxml test",
    "dumpxml test --xpath //target --wrap",
    "desc test",
    "vcpucount test",
    "vcpucount test --maximum",
    "vcpuinfo test",
    "vcpuinfo test --pretty",
    "vcpupin test",
    "vcpupin test --vcpu 1",
    "emulatorpin test",
    "iothreadinfo test",
    "schedinfo test",
    "memtune test",
    "numatune test",
    "dommemstat test",
    "blkiotune test",
    "blkdeviotune test vda",
    "domiftune test aa:bb:cc:dd:ee:ff",
    "domstats",
    "domstats --cpu-total --list-running test",
    "domblkstat test vda",
    "domblkstat test vda --human",
    "domblkinfo test vda",
    "domblkinfo test --all --human",
    "domblkerror test",
    "domblklist test --details",
    "domiflist test",
    "domif-getlink test aa:bb:cc:dd:ee:ff",
    "domifstat test aa:bb:cc:dd:ee:ff",
    "cpu-stats test",
    "cpu-stats test --total",
    "blockcopy test vda /copy --format qcow2 --print-xml",
    "perf test",
    "blockjob test vda",
    "snapshot-list test",
    "checkpoint-list test",
    "domjobinfo test",
    "domhostname test",
    "domifaddr test",
    "domifaddr test --full",
    "guestinfo test",
    "guestinfo test --os --hostname",
    "guestvcpus test",
    "domfsinfo test",
    "domtime test",
    "domtime test --pretty",
    "get-user-sshkeys test root",
    "capabilities",
    "capabilities --xpath //uuid",
    "domcapabilities",
    "nodeinfo",
    "nodecpumap --pretty",
    "nodecpustats",
    "nodecpustats 0",
    "nodememstats",
    "nodememstats 0",
    "freecell",
    "freecell 1",
    "freecell --all",
    "freepages",
    "freepages 0 4",
    "node-memory-tune",
    "hostname",
    "sysinfo",
    "maxvcpus",
    "cpu-models x86_64",
    "uri",
    "version",
    "event --list",
    "schema list",
    "schema path domain",
    "drivers",
    "drivers --matrix",
]


@pytest.mark.parametrize("line", READING)
def test_what_is_shown_is_shown_to_people_and_to_programs(run, line):
    shown = run(*line.split())
    assert (shown.status, shown.err) == (0, "")
    facts = run("--json", *line.split())
    assert (facts.status, facts.err) == (0, "")
    assert facts.data != ""  # it parses
    assert shown.out != facts.out


CHANGING = [
    "suspend test",
    "reset test",
    "reboot test",
    "shutdown test",
    "destroy test",
    "dompmsuspend test mem",
    "set-lifecycle-action test crash restart",
    "undefine test",
    "autostart test",
    "desc test some words",
    "setmem test 1G",
    "setmem test --size 1048576 --live",
    "setmaxmem test 8G --config",
    "memtune test --hard-limit 4G --soft-limit 2G",
    "memtune test --hard-limit -1",
    "numatune test --nodeset 0-1",
    "dommemstat test --period 5",
    "setvcpus test 1",
    "setvcpu test 1 --disable",
    "guestvcpus test 1 --disable",
    "vcpupin test 0 0-1,^1",
    "emulatorpin test 0",
    "iothreadadd test 2",
    "schedinfo test cpu_shares=2048",
    "blkiotune test --weight 300",
    "blkdeviotune test vda --total-bytes-sec 10M",
    "domiftune test aa:bb:cc:dd:ee:ff --inbound 100,200,300 --outbound 10",
    "domblkthreshold test vda 1G",
    "perf test --enable cmt,mbmt",
    "attach-disk test /images/data.img vdb --targetbus virtio --subdriver qcow2",
    "attach-interface test network default --model virtio",
    "detach-disk test vda",
    "detach-interface test network",
    "domif-setlink test aa:bb:cc:dd:ee:ff down",
    "snapshot-create test",
    "snapshot-create-as test before",
    "checkpoint-create test",
    "checkpoint-create-as test point",
    "managedsave test",
    "send-key test KEY_LEFTCTRL KEY_C",
    "send-key test --codeset win32 --holdtime 50 13",
    "inject-nmi test",
    "domdirtyrate-calc test --seconds 2",
    "domfsfreeze test",
    "domfstrim test",
    "domtime test --now",
    "domtime test --time 1",
    "set-user-password test root secret",
    "guest-agent-timeout test --timeout 5",
]


@pytest.mark.parametrize("line", CHANGING)
def test_what_is_done_is_done_and_not_on_a_read_only_connection(run, line, monkeypatch):
    done = run(*line.split())
    assert (done.status, done.err) == (0, "")
    with polyvisor.open("test:///default", readonly=True) as connection:
        monkeypatch.setattr(Shell, "connection", property(lambda self: connection))
        refused = run(*line.split())
    assert refused.status == 7, refused.err


def test_a_domain_lives_from_its_file_to_its_end(run, device):
    file = device(DOMAIN)
    assert run("define", file).out == f"Domain 'extra' defined from {file}\n"
    assert run("start", "extra", "--paused").out == "Domain 'extra' started\n"
    assert run("domstate", "extra").out == "paused\n"
    assert run("resume", "extra").status == 0
    assert run("list", "--name").out == "test\nextra\n"
    assert run("destroy", "extra").status == 0
    assert run("domrename", "extra", "other").out == "Domain successfully renamed\n"
    assert run("undefine", "other").out == "Domain 'other' has been undefined\n"
    assert run("list", "--all", "--name").out == "test\n"


def test_a_document_comes_from_standard_input_too(run):
    assert run("define", "-", stdin=DOMAIN).out == "Domain 'extra' defined from -\n"
    assert run("create", "/dev/null").status == 6
    assert run("define", "/does/not/exist").err == "error: /does/not/exist: No such file or directory\n"


def test_a_broken_document_is_refused_with_its_line(run):
    outcome = run("define", "-", stdin=DOMAIN.replace("<os>", "\n<os tpye='hvm'>"))
    assert outcome.status == 6
    assert "line 2: " in outcome.err
    assert "tpye" in outcome.err
    assert run("list", "--all", "--name").out == "test\n"


def test_devices_come_and_go(run, device):
    file = device("<disk type='file'><source file='/images/b'/><target dev='vdb' bus='virtio'/></disk>")
    assert run("attach-device", "test", file, "--persistent").out == "Device attached successfully\n"
    assert [disk["target"] for disk in run("domblklist", "test", "--json").data] == ["vda", "vdb"]
    assert [disk["target"] for disk in run("domblklist", "test", "--inactive", "--json").data] == ["vda", "vdb"]
    assert run("detach-device", "test", file).out == "Device detached successfully\n"
    assert run("detach-disk", "test", "vdz").status == 5
    assert [disk["target"] for disk in run("domblklist", "test", "--json").data] == ["vda"]


def test_a_device_is_only_printed_when_that_is_asked(run):
    outcome = run(
        "attach-disk",
        "test",
        "/images/x",
        "sda",
        "--address",
        "scsi:0.1.2",
        "--type",
        "cdrom",
        "--mode",
        "readonly",
        "--print-xml",
    )
    assert outcome.out == (
        '<disk type="file" device="cdrom">\n'
        '  <source file="/images/x"/>\n'
        '  <target dev="sda"/>\n'
        "  <readonly/>\n"
        '  <address type="drive" controller="0" bus="1" unit="2"/>\n'
        "</disk>\n"
    )
    assert [disk["target"] for disk in run("domblklist", "test", "--json").data] == ["vda"]


def test_a_device_on_the_command_line_cannot_smuggle_xml(run):
    outcome = run("attach-disk", "test", "/x'/><evil a='", "vdb", "--print-xml")
    assert "<evil" not in outcome.out.replace("&lt;evil", "")


def test_a_medium_is_changed_and_ejected(run, device):
    drive = "<disk type='file' device='cdrom'><source file='/a.iso'/><target dev='sdc' bus='sata'/><readonly/></disk>"
    run("attach-device", "test", device(drive), "--config")
    assert run("change-media", "test", "sdc", "/b.iso", "--config").out == "Successfully inserted media.\n"
    assert (
        run("dumpxml", "test", "--inactive", "--xpath", "string(//disk/source[@file='/b.iso']/../target/@dev)").out
        == "sdc\n"
    )
    assert run("change-media", "test", "sdc", "--eject", "--config").out == "Successfully ejected media.\n"
    assert run("change-media", "test", "sdc", "--insert", "/c.iso", "--config").status == 0
    assert run("change-media", "test", "sdc", "--insert", "/d.iso", "--config").status == 1
    assert run("change-media", "test", "vda", "/d.iso").status == 2


def test_a_memory_device_is_changed_by_what_it_is_asked_for(run, device):
    memory = (
        "<memory model='virtio-mem'><target><size unit='KiB'>1048576</size><node>0</node><block unit='KiB'>2048</block>"
        "<requested unit='KiB'>524288</requested></target></memory>"
    )
    assert run("update-memory-device", "test", "--requested-size", "1G", "--print-xml").status == 5
    attached = run("attach-device", "test", device(memory), "--config")
    if attached.status:
        pytest.skip(f"no memory device here: {attached.err}")
    shown = run("update-memory-device", "test", "--config", "--requested-size", "1G", "--print-xml")
    assert '<requested unit="KiB">1048576</requested>' in shown.out.replace("'", '"')


def test_snapshots_form_a_tree(run):
    for words in (["s1", "the first"], ["s2"], ["s3"]):
        assert run("snapshot-create-as", "test", *words).out == f"Domain snapshot {words[0]} created\n"
    assert run("snapshot-revert", "test", "s1").out == "Domain snapshot s1 reverted\n"
    run("snapshot-create-as", "test", "t2")
    assert run("snapshot-list", "test", "--tree").out == "s1\n  |\n  +- s2\n  |   |\n  |   +- s3\n  +- t2\n"
    assert run("snapshot-list", "test", "--name", "--leaves").out == "s3\nt2\n"
    assert run("snapshot-list", "test", "--name", "--from", "s1").out == "s2\nt2\n"
    assert run("snapshot-list", "test", "--name", "--from", "s1", "--descendants").out == "s2\ns3\nt2\n"
    assert run("snapshot-list", "test", "--roots", "--parent").out.splitlines()[0].endswith("State     Parent")
    assert run("snapshot-current", "test", "--name").out == "t2\n"
    assert run("snapshot-parent", "test", "--current").out == "s1\n"
    assert run("snapshot-info", "test", "s1").out == (
        "Name:           s1\nDomain:         test\nCurrent:        no\nState:          running\n"
        "Location:       internal\nParent:         -\nChildren:       2\nDescendants:    3\nMetadata:       yes\n"
    )
    assert run("snapshot-dumpxml", "test", "s1", "--xpath", "string(//description)").out == "the first\n"
    assert run("snapshot-delete", "test", "s2", "--children").out == "Domain snapshot s2 deleted\n"
    assert run("snapshot-list", "test", "--name").out == "s1\nt2\n"
    assert run("snapshot-info", "test", "s2").status == 5


def test_a_snapshot_from_words_is_printed_as_asked(run):
    outcome = run(
        "snapshot-create-as",
        "test",
        "s1",
        "--print-xml",
        "--memspec",
        "file=/m,snapshot=external",
        "--diskspec",
        "vda,snapshot=external,driver=qcow2,file=/a,,b",
    )
    assert outcome.out == (
        "<domainsnapshot>\n  <name>s1</name>\n"
        '  <memory file="/m" snapshot="external"/>\n'
        '  <disks>\n    <disk name="vda" snapshot="external">\n'
        '      <driver type="qcow2"/>\n      <source file="/a,b"/>\n    </disk>\n  </disks>\n'
        "</domainsnapshot>\n"
    )
    assert run("snapshot-create-as", "test", "--diskspec", "vda,colour=red", "--print-xml").status == 2


def test_a_list_can_ask_for_snapshots_and_checkpoints(run):
    assert run("list", "--name", "--without-snapshot", "--without-checkpoint").out == "test\n"
    assert run("list", "--name", "--with-snapshot").out == ""
    run("snapshot-create-as", "test", "s1")
    assert run("list", "--name", "--with-snapshot").out == "test\n"
    assert run("list", "--name", "--with-snapshot", "--with-checkpoint").out == ""


def test_checkpoints_follow_one_another(run):
    run("checkpoint-create-as", "test", "c1")
    run("checkpoint-create-as", "test", "c2")
    assert run("checkpoint-list", "test", "--name").out == "c1\nc2\n"
    assert run("checkpoint-parent", "test", "c2").out == "c1\n"
    assert run("checkpoint-list", "test", "--tree").out == "c1\n  |\n  +- c2\n"
    assert run("checkpoint-info", "test", "c1").out.splitlines()[-2:] == ["Children:       1", "Descendants:    1"]
    assert run("checkpoint-delete", "test", "c1").out == "Domain checkpoint c1 deleted\n"


def test_a_domain_is_saved_and_taken_up_again(run, tmp_path):
    image = str(tmp_path / "image")
    assert run("save", "test", image).out == f"Domain 'test' saved to {image}\n"
    assert stat.S_IMODE(os.stat(image).st_mode) == 0o600
    assert run("domstate", "test").out == "shut off\n"
    assert run("save-image-dumpxml", image, "--xpath", "string(/domain/name)").out == "test\n"
    assert run("restore", image, "--paused").out == f"Domain restored from {image}\n"
    assert run("domstate", "test").out == "paused\n"


def test_a_managed_save_image_is_marked_and_removed(run):
    assert run("managedsave", "test").status == 0
    assert "saved" in run("list", "--all", "--managed-save").out
    assert run("managedsave-remove", "test").out == "Removed managedsave image for domain 'test'\n"
    assert run("managedsave-remove", "test").out == "Domain 'test' has no managed save image; removal skipped\n"


def test_a_picture_goes_to_a_file_or_to_standard_output(run, tmp_path, monkeypatch):
    path = tmp_path / "shot"
    assert run("screenshot", "test", str(path)).status == 0
    assert path.read_bytes()[:2] in (b"P6", b"\x89P")
    monkeypatch.chdir(tmp_path)
    assert run("screenshot", "test").status == 0
    assert [file.suffix for file in tmp_path.iterdir() if file.name.startswith("test-")] == [".ppm"]


def test_a_password_is_read_where_nobody_sees_it(run):
    outcome = run("set-user-password", "test", "root", stdin="sesame\n")
    assert outcome.out == "Password set successfully for root in test\n"
    assert run("set-user-password", "test", "root", stdin="").status == 2


def test_events_are_printed_as_they_come(run, monkeypatch):
    from polyvisor.cli import events

    arrivals = events._arrivals

    def with_something_happening(stream, timeout):
        with_connection = Shell.connection.fget(None)
        with_connection.lookup("test").suspend()
        yield from arrivals(stream, timeout)

    monkeypatch.setattr(events, "_arrivals", with_something_happening)
    outcome = run("event", "--event", "lifecycle", "--domain", "test")
    assert outcome.out == "event 'lifecycle' for domain 'test': Suspended Paused\n"
    assert outcome.err == "events received: 1\n"
    run("resume", "test")
    found = json.loads(run("event", "--all", "--json", "--timeout", "5").out)
    assert (found["kind"], found["event"], found["domain"]["name"]) == ("lifecycle", "suspended", "test")


def test_no_event_in_time_is_a_failure_unless_looping(run):
    outcome = run("event", "--all", "--timeout", "0.01")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err == "event loop timed out\nevents received: 0\n"
    assert run("event", "--all", "--loop", "--timeout", "0.01").status == 0
    assert run("event").status == 2


@pytest.mark.parametrize(
    ("words", "status"),
    [
        ("send-key test KEY_NTER", 2),
        ("setmem test many", 2),
        ("setmem test 1G --current --live", 2),
        ("vcpupin test 0 x-y", 2),
        ("setvcpu test 1", 2),
        ("domtime test --now --sync", 2),
        ("freecell 99", 2),
        ("domblkinfo test", 2),
        ("blkdeviotune test vdq", 5),
        ("snapshot-revert test", 2),
        ("snapshot-revert test none", 5),
        ("restore /does/not/exist", 5),
        ("qemu-monitor-command test query-status", 4),
        ("domxml-to-native qemu-argv --domain test", 4),
        ("cpu-compare /does/not/exist", 1),
        ("schema show nothing", 2),
        ("dumpxml test --xpath //disk[", 2),
    ],
)
def test_what_cannot_be_done_fails_in_its_own_way(run, words, status):
    outcome = run(*words.split())
    assert outcome.status == status, outcome.err
    assert outcome.err.startswith("error: ")
