"""The reference pages of documents say what the declarations say."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "document_reference.py"


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("document_reference", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_current(script, capsys):
    absent = {home.name for home in script.ROOT.glob("plugins/*")} - script.contributed().keys()
    if absent:
        pytest.skip(f"the pages tell of packages that are not installed: {', '.join(sorted(absent))}")
    assert script.main(["--check"]) == 0, (
        f"{capsys.readouterr().out}\nrun scripts/document_reference.py and commit the result"
    )


def test_stale_pages_are_told_and_then_written(script, tmp_path, monkeypatch):
    monkeypatch.setattr(script, "ROOT", tmp_path)
    forgotten = tmp_path / "docs" / "reference" / "documents" / "gone.md"
    forgotten.parent.mkdir(parents=True)
    forgotten.write_text("of a kind there is no more")
    assert script.main(["--check"]) == 1
    assert script.main([]) == 0
    assert script.main(["--check"]) == 0
    assert not forgotten.exists()


def test_an_element_is_described_by_its_declaration(script):
    page = script.pages()[script.ROOT / "docs" / "reference" / "documents" / "domain" / "devices" / "disk.md"]
    disk = page[page.index("\n## Disk\n") :]
    assert "A disk, CD-ROM drive, floppy or SCSI unit." in disk
    assert re.search(r"\| `@device` \| `device` \| 'disk', 'cdrom', 'floppy' or 'lun' \| `disk` when absent \|", disk)
    assert re.search(r"\| `<target>` \| `target` \| \[DiskTarget\]\(#disktarget\) \| required \|", disk)


def test_what_packages_bring_is_described_like_the_rest(script):
    pages = script.pages()
    top = script.ROOT / "docs" / "reference" / "documents"
    for name, classes in script.contributed().items():
        for cls in classes:
            page = pages[top / "packages" / f"{name}.md"]
            assert f"## {cls.__qualname__}\n\n`<{cls.declaration.prefix}:{cls.tag}>`" in page
            assert f"in `<{cls.declaration.extends}>`" in page


def test_links_lead_to_sections_there_are(script):
    pages = script.pages()
    for path, text in pages.items():
        for target in re.findall(r"\]\(([^)]+)\)", text):
            file, _, section = target.partition("#")
            there = (path.parent / file).resolve() if file else path
            assert there in pages, f"{path}: {target}"
            assert f"\n## {section}\n" in pages[there].lower(), f"{path}: {target}"
