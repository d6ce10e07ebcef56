"""Validating documents, showing schemas, and editing a domain until it is right."""

from __future__ import annotations

import json
import os
import pty
import select
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

import polyvisor
from polyvisor.cli.editing import Draft
from polyvisor.cli.shell import Shell
from polyvisor.cli.xpath import select as pick
from polyvisor.errors import InvalidArgument

GOOD = """\
<domain type='qemu'>
  <name>web</name>
  <memory unit='MiB'>64</memory>
  <os><type>hvm</type></os>
  <devices>
    <disk type='file'><source file='/a'/><target dev='vda'/></disk>
  </devices>
</domain>
"""


@pytest.fixture
def write(tmp_path):
    def make(text, name="domain.xml"):
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return make


def test_a_good_document_validates(invoke, write):
    file = write(GOOD)
    outcome = invoke("validate", file)
    assert (outcome.status, outcome.out, outcome.err) == (0, f"{file} validates\n", "")


def test_a_fault_is_told_with_line_path_found_and_nearest_name(invoke, write):
    file = write(GOOD.replace("<disk type=", "<disk typ="))
    outcome = invoke("validate", file)
    assert outcome.status == 1
    assert f"{file}: line 6: /domain/devices/disk" in outcome.out
    assert "did you mean 'type'?" in outcome.out
    assert "found:    typ" in outcome.out


def test_every_file_is_looked_at_and_one_fault_is_enough(invoke, write, tmp_path):
    good, bad = write(GOOD), write("<domain", "bad.xml")
    outcome = invoke("validate", bad, str(tmp_path / "none.xml"), good)
    assert outcome.status == 1
    assert f"{good} validates\n" in outcome.out
    assert f"{tmp_path}/none.xml: No such file or directory\n" in outcome.out


def test_programs_get_each_fault_in_parts(invoke, write):
    outcome = invoke(
        "--json", "validate", write(GOOD.replace("<name>web</name>", "<name>web</name><naem/>")), "-", stdin=GOOD
    )
    assert outcome.status == 1
    first, second = outcome.data
    assert (first["kind"], first["valid"], first["faults"][0]["line"]) == ("domain", False, 2)
    assert (second["file"], second["valid"], second["faults"]) == ("-", True, [])


def test_contradictions_are_found_unless_only_the_schema_is_asked(invoke, write):
    disk = "<disk type='file'><source file='/b'/><target dev='vda'/></disk>"
    file = write(GOOD.replace("</devices>", f"{disk}</devices>"))
    assert invoke("validate", file).status == 1
    assert invoke("validate", "--schema-only", file).status == 0


def test_the_kind_follows_from_the_root_element(invoke, write):
    assert invoke("validate", "--json", write(GOOD)).data[0]["kind"] == "domain"
    outcome = invoke("validate", write("<domian/>"))
    assert outcome.status == 1
    assert "did you mean <domain>?" in outcome.out


def test_an_entity_bomb_is_refused_in_no_time(invoke, write):
    bomb = "<!DOCTYPE d [<!ENTITY a 'aaaaaaaaaa'><!ENTITY b '&a;&a;&a;&a;&a;&a;'>]>\n<domain>&b;</domain>"
    outcome = invoke("validate", write(bomb))
    assert outcome.status == 1
    assert "document type declaration" in outcome.out


def test_xml_of_a_driver_is_checked_by_that_driver(invoke, write):
    pytest.importorskip("polyvisor_qemu", reason="the QEMU driver is not installed")
    namespace = "xmlns:qemu='http://libvirt.org/schemas/domain/qemu/1.0'"
    extra = "<qemu:commandline><qemu:arg value='-foo'/></qemu:commandline></domain>"
    good = GOOD.replace("<domain ", f"<domain {namespace} ").replace("</domain>", extra)
    assert invoke("validate", write(good)).status == 0
    assert invoke("validate", write(good.replace("value=", "valeu="))).status == 1


def test_schemas_are_listed_found_and_shown(invoke):
    assert "domain" in invoke("schema", "list").out.split()
    path = invoke("schema", "path", "domain").out.strip()
    assert Path(path).name == "domain.rng"
    assert invoke("schema", "show", "domain").out.startswith("<?xml")
    assert invoke("schema", "path", "domain", "--xsd").out.strip().endswith("domain.xsd")
    assert json.loads(Path(invoke("schema", "path", "domain", "--json-schema").out.strip()).read_text("utf-8"))["$defs"]
    assert invoke("schema", "show", "nothing").status == 2
    assert invoke("schema", "path", "nothing", "--json-schema").status == 2


# -- editing ------------------------------------------------------------------------------------------------------

EDITOR = """\
import sys
steps = open({steps!r}).read().split("\\n---\\n")
old, new = steps.pop(0).split("\\n=>\\n")
open({steps!r}, "w").write("\\n---\\n".join(steps))
text = open(sys.argv[-1]).read()
open(sys.argv[-1], "w").write(text.replace(old, new))
open({log!r}, "a").write(" ".join(sys.argv[1:]) + "\\n")
"""


@pytest.fixture
def editor(tmp_path, monkeypatch):
    """An editor that replaces one text by another; a pair of texts for each time it is called."""

    def use(*replacements):
        steps, log = tmp_path / "steps", tmp_path / "log"
        steps.write_text("\n---\n".join(f"{old}\n=>\n{new}" for old, new in replacements))
        script = tmp_path / "editor.py"
        script.write_text(EDITOR.format(steps=str(steps), log=str(log)))
        command = f"{sys.executable} {script}"
        monkeypatch.setenv("EDITOR", command)
        monkeypatch.delenv("VISUAL", raising=False)
        return command

    return use


@pytest.fixture
def run(invoke, monkeypatch):
    pytest.importorskip("polyvisor_test", reason="the driver `test` is not installed")
    monkeypatch.setenv("POLYVISOR_CONFIG", "")
    with polyvisor.open("test:///default") as connection:
        monkeypatch.setattr(Shell, "connection", property(lambda self: connection))
        yield invoke


def test_what_is_edited_is_defined(run, editor):
    editor(("</name>", "</name><title>Shop</title>"))
    assert run("edit", "test").out == "Domain 'test' XML configuration edited.\n"
    assert run("desc", "test", "--title", "--config").out == "Shop\n"


def test_nothing_edited_nothing_changed(run, editor):
    editor(("no such text", ""))
    assert run("edit", "test").out == "Domain 'test' XML configuration not changed.\n"


def test_a_fault_without_a_terminal_is_told_and_the_draft_is_kept(run, editor):
    editor(("<memory ", "<memori "))
    outcome = run("edit", "test")
    assert outcome.status == 6
    kept = Path(outcome.err.split("your changes are kept in ")[1].strip())
    assert "<memori " in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    kept.unlink()


def test_a_change_by_somebody_else_meanwhile_is_not_overwritten(run, editor, monkeypatch):
    editor(("</name>", "</name><title>Mine</title>"))
    edit = Draft.edit

    def interfere(self, line=None):
        run("desc", "test", "--config", "--title", "Theirs")
        return edit(self, line)

    monkeypatch.setattr(Draft, "edit", interfere)
    outcome = run("edit", "test")
    assert outcome.status == 1
    assert "changed by somebody else" in outcome.err
    assert run("desc", "test", "--config", "--title").out == "Theirs\n"
    Path(outcome.err.split("your changes are kept in ")[1].strip()).unlink()


@pytest.mark.parametrize(("editor_command", "complaint"), [("/no/such/editor", "cannot run"), ("false", "status 1")])
def test_an_editor_that_fails_changes_nothing(run, monkeypatch, editor_command, complaint):
    monkeypatch.setenv("EDITOR", editor_command)
    monkeypatch.delenv("VISUAL", raising=False)
    outcome = run("edit", "test")
    assert outcome.status == 1
    assert complaint in outcome.err


def test_descriptions_and_metadata_are_edited_too(run, editor):
    run("desc", "test", "old", "words")
    editor(("old", "new"))
    assert run("desc", "test", "--edit").out == "Domain description updated successfully\n"
    assert run("desc", "test").out == "new words\n"
    run("metadata", "test", "http://a.example/", "--key", "a", "--set", "<x/>")
    editor(("/>", " y='1'/>"))
    assert run("metadata", "test", "http://a.example/", "--key", "a", "--edit").out == "Metadata modified\n"
    assert "y=" in run("metadata", "test", "http://a.example/").out


def read_until(descriptor, wanted, seconds=30):
    heard, deadline = b"", time.monotonic() + seconds
    while wanted not in heard:
        left = deadline - time.monotonic()
        assert left > 0 and select.select([descriptor], [], [], left)[0], f"{wanted!r} is not in {heard!r}"
        heard += os.read(descriptor, 65536)
    return heard


def test_on_a_terminal_the_fault_is_shown_at_its_line_and_editing_goes_on(environment, editor, tmp_path):
    pytest.importorskip("polyvisor_test", reason="the driver `test` is not installed")
    command = editor(("<memory ", "<memori "), ("memori ", "memory "), ("</name>", "</name><title>Shop</title>"))
    vi = tmp_path / "vi"  # an editor that is known to take a line
    vi.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    vi.chmod(0o700)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "polyvisor.cli", "-c", "test:///default", "edit", "test"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**environment, "EDITOR": str(vi)},
        start_new_session=True,
    )
    try:
        shown = read_until(ours, b"Edit it again?")
        os.write(ours, b"y\n")
        shown += read_until(ours, b"not changed")
        assert process.wait(30) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
        os.close(theirs)
    assert b"line 4: " in shown
    assert b"     4 |   <memori unit=" in shown
    assert (tmp_path / "log").read_text().splitlines()[1].startswith("+4 ")


# -- picking parts --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "picked"),
    [
        ("//b", '<b x="1"/>\n<b x="2">two</b>'),
        ("//b/@x", ' x="1"\n x="2"'),
        ("//b/text()", "two"),
        ("count(//b)", "2"),
        ("1 div 4", "0.25"),
        ("boolean(//c)", "false"),
        ("string(//b[2])", "two"),
        ("//c", ""),
    ],
)
def test_an_xpath_expression_picks_what_virsh_picks_and_values_besides(expression, picked):
    assert pick("<a><b x='1'/>\n  <b x='2'>two</b></a>", expression) == picked


def test_what_is_picked_is_wrapped_into_one_element():
    assert pick("<a><b/><c><b/></c></a>", "//b", wrap=True) == "<nodes>\n  <b/>\n  <b/>\n</nodes>"


def test_a_wrong_expression_is_refused():
    with pytest.raises(InvalidArgument, match="is no XPath expression"):
        pick("<a/>", "//b[")


def test_json_of_a_document_is_its_text(run):
    assert json.loads(run("--json", "dumpxml", "test").out)["xml"].startswith("<domain")


# -- what packages bring ------------------------------------------------------------------------------------------

TAPES = """\
from polyvisor.documents import Element, element
from polyvisor.model.domaintype import DOMAIN_TYPE

@element("tape", namespace="urn:tapes", prefix="t", extends="domain")
class Tape(Element):
    pass

CLASSES = (Tape, DOMAIN_TYPE.word("acme"))
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Installs a package that brings something to documents; with ``source`` another one."""

    def install(source=TAPES):
        (tmp_path / "polyvisor_tapes.py").write_text(source)
        info = tmp_path / "polyvisor_tapes-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: polyvisor-tapes\nVersion: 1\n")
        (info / "entry_points.txt").write_text("[polyvisor.documents]\ntapes = polyvisor_tapes:CLASSES\n")
        monkeypatch.syspath_prepend(str(tmp_path))

    yield install
    sys.modules.pop("polyvisor_tapes", None)


ACME = GOOD.replace("<domain type='qemu'", "<domain type='acme'")
TAPED = GOOD.replace("</domain>", "<t:tape xmlns:t='urn:tapes'/></domain>")


def test_a_package_lets_its_documents_be_validated(invoke, write, package):
    assert [invoke("validate", write(each)).status for each in (TAPED, ACME)] == [1, 1]
    package()
    assert invoke("validate", write(TAPED)).status == 0
    assert invoke("validate", write(ACME)).status == 0
    assert '"tape"' in invoke("schema", "show", "domain").out
    assert '"t:tape"' in invoke("schema", "show", "domain", "--json-schema").out
    assert "tape" not in invoke("schema", "show", "secret").out


def test_a_blocked_package_does_not(invoke, write, package, monkeypatch):
    package()
    monkeypatch.setenv("POLYVISOR_BLOCK", "tapes")
    outcome = invoke("validate", write(TAPED))
    assert outcome.status == 1
    assert "polyvisor-tapes is blocked by configuration" in outcome.out


def test_a_broken_package_stops_nothing_else(invoke, write, package):
    package("import nothing_of_that_name")
    assert invoke("validate", write(GOOD)).status == 0
    outcome = invoke("validate", write(TAPED))
    assert outcome.status == 1
    assert "polyvisor-tapes cannot be used: ModuleNotFoundError" in outcome.out
