"""Documents from one notation to another."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

import polyvisor
from polyvisor import model
from polyvisor.cli.shell import Shell

GOOD = """\
<domain type='qemu'>
  <name>web</name>
  <memory unit='MiB'>64</memory>
  <os>
    <type>hvm</type>
  </os>
  <devices>
    <disk type='file' device='disk'>
      <source file='/a'/>
      <target dev='vda'/>
      <readonly/>
    </disk>
  </devices>
</domain>
"""


@pytest.fixture
def write(tmp_path):
    def make(text, name="domain.xml"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return make


def test_xml_becomes_json_and_json_xml(invoke, write):
    found = invoke("convert", write(GOOD))
    assert (found.status, found.err) == (0, "")
    assert found.data["domain"]["devices"]["disk"][0]["readonly"] is True
    back = invoke("convert", "-", stdin=found.out)
    assert model.parse("domain", back.out) == model.parse("domain", GOOD)


def test_xml_becomes_yaml_and_yaml_json(invoke, write):
    pytest.importorskip("yaml")
    found = invoke("convert", write(GOOD), "--to", "yaml")
    assert "  memory:\n    unit: MiB\n    text: 64\n" in found.out
    there = invoke("convert", write(found.out, "domain.yaml"), "--to", "json")
    assert there.data == invoke("convert", write(GOOD)).data
    assert invoke("--json", "convert", write(GOOD), "--to", "yaml").data == there.data


def test_faults_are_told_with_line_and_path(invoke, write):
    pytest.importorskip("yaml")
    text = "domain:\n  type: kvm\n  name: web\n  memory: 1\n  os:\n    type: hmv\n"
    found = invoke("convert", write(text, "domain.yaml"))
    assert (found.status, found.out) == (6, "")
    assert "line 6: $.domain.os.type: " in found.err
    assert "did you mean 'hvm'?" in found.err


def test_source_and_kind_may_be_said(invoke, write):
    file = write(json.dumps({"cpu": {"model": "qemu64"}}), "cpu.txt")
    assert "<model>qemu64</model>" in invoke("convert", file, "--from", "json", "--kind", "cpu").out
    assert invoke("convert", file, "--from", "json", "--kind", "network").status == 6
    assert invoke("convert", write("{}", "a.json")).status == 6
    assert invoke("convert", write('{"domian": {}}', "a.json")).status == 2


def test_parts_of_a_driver_come_along(invoke, write):
    pytest.importorskip("polyvisor_qemu", reason="the QEMU driver is not installed")
    extra = "  <qemu:commandline>\n    <qemu:arg value='-foo'/>\n  </qemu:commandline>\n</domain>"
    xml = GOOD.replace("<domain ", "<domain xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0' ")
    there = invoke("convert", write(xml.replace("</domain>", extra)))
    assert there.data["domain"]["qemu:commandline"] == {"qemu:arg": [{"value": "-foo"}]}
    assert "<qemu:arg value='-foo'/>" in invoke("convert", "-", stdin=there.out).out


def test_the_json_schema_is_shown(invoke):
    found = invoke("schema", "show", "secret", "--json-schema")
    assert found.data["properties"]["secret"] == {"$ref": "#/$defs/Secret"}
    assert "anyOf" in invoke("schema", "show", "device", "--json-schema").data
    assert invoke("schema", "show", "secret", "--json-schema", "--xsd").status == 2


# -- editing YAML ---------------------------------------------------------------------------------------------------


@pytest.fixture
def run(invoke, monkeypatch):
    """Runs a command on a host of the driver ``test``."""
    pytest.importorskip("polyvisor_test", reason="the driver `test` is not installed")
    pytest.importorskip("yaml")
    monkeypatch.setenv("POLYVISOR_CONFIG", "")
    with polyvisor.open("test:///default") as connection:
        monkeypatch.setattr(Shell, "connection", property(lambda self: connection))
        yield invoke


@pytest.fixture
def editor(tmp_path, monkeypatch):
    """An editor that replaces one text by another."""

    def use(old, new):
        script = tmp_path / "editor.py"
        script.write_text(
            "import pathlib, sys\n"
            "file = pathlib.Path(sys.argv[-1])\n"
            "assert file.suffix == '.yaml' and file.stat().st_mode & 0o77 == 0\n"
            f"file.write_text(file.read_text().replace({old!r}, {new!r}))\n"
        )
        monkeypatch.setenv("EDITOR", f"{sys.executable} {script}")
        monkeypatch.delenv("VISUAL", raising=False)

    return use


def test_what_is_edited_as_yaml_is_defined(run, editor):
    editor("  name: test\n", "  name: test\n  title: Shop\n")
    assert run("edit", "test", "--yaml").out == "Domain 'test' XML configuration edited.\n"
    assert run("desc", "test", "--title", "--config").out == "Shop\n"


def test_yaml_that_is_not_edited_changes_nothing(run, editor):
    editor("no such text", "")
    assert run("edit", "test", "--yaml").out == "Domain 'test' XML configuration not changed.\n"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("  name: test\n", "  naem: test\n", "line 3: $.domain.naem: unknown key 'naem'; did you mean 'name'?"),
        ("  name: test\n", "  name: test\n  bootloader: [\n", "not YAML"),
        ("    disk:\n", "    disk:\n" + "    - target: {dev: vda}\n" * 2, "\n  /domain/devices/disk"),
    ],
)
def test_a_fault_in_edited_yaml_is_told_and_the_draft_is_kept(run, editor, old, new, said):
    editor(old, new)
    outcome = run("edit", "test", "--yaml")
    assert outcome.status == 6
    kept = Path(outcome.err.split("your changes are kept in ")[1].strip())
    kept.unlink()
    assert said in outcome.err
