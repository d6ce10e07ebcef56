"""Every code block of the documentation is checked, and run where it can be run."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path
from types import ModuleType

import pytest

WORKSPACE = Path(__file__).parents[2]
DOCS = WORKSPACE / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
"""Pages of the site; the README of the workspace is run by tests/live/test_readme.py, with its guest."""
READMES = sorted(
    readme
    for pattern in ("plugins/*/", "examples/*/", "benchmarks/", "core/", "schemas/")
    for readme in WORKSPACE.glob(f"{pattern}README.md")
)
PROGRAMS = {"qemu": ("qemu-system-x86_64", "qemu-img"), "lxc": ("lxc-start", "busybox"), "vcsim": ("openssl",)}


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("doc_blocks", WORKSPACE / "scripts" / "doc_blocks.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


doc_blocks = load()


def name(page: Path) -> str:
    return page.relative_to(WORKSPACE).as_posix()


WRITTEN = [page for page in PAGES if not doc_blocks.generator(page)]
QUICK = [page for page in WRITTEN if not doc_blocks.needs(page)]
LIVE = [page for page in WRITTEN if doc_blocks.needs(page)]


@pytest.mark.parametrize("page", [WORKSPACE / "README.md", WORKSPACE / "CONTRIBUTING.md", *READMES, *WRITTEN], ids=name)
def test_its_blocks_are_what_their_fences_say(page):
    for block in doc_blocks.blocks(page):
        doc_blocks.check(block)


@pytest.mark.parametrize("page", [*READMES, *QUICK], ids=name)
def test_its_blocks_run(page):
    doc_blocks.run_apart(page)


@pytest.mark.live
@pytest.mark.parametrize("page", LIVE, ids=name)
def test_its_blocks_run_on_the_hypervisor(page):
    if "vcsim" in doc_blocks.needs(page) and not (WORKSPACE / "build" / "vcsim" / "vcsim").exists():
        pytest.skip("the vSphere simulator is not built; run tests/live/esx/vcsim/build.py")
    for program in (program for hypervisor in doc_blocks.needs(page) for program in PROGRAMS[hypervisor]):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    doc_blocks.run_apart(page)


def test_generated_pages_have_a_script_that_tells_when_they_are_stale():
    scripts = {doc_blocks.generator(page) for page in PAGES} - {""}
    tests = "".join(path.read_text("utf-8") for path in WORKSPACE.glob("tests/**/test_*.py"))
    for script in scripts:
        assert (WORKSPACE / script).exists(), script
        assert Path(script).name in tests, f"no test runs {script}"


def test_few_blocks_are_not_run():
    kept = [block for page in WRITTEN for block in doc_blocks.blocks(page) if "norun" in block.words]
    total = sum(len(doc_blocks.blocks(page)) for page in WRITTEN)
    assert len(kept) <= total // 10, [f"{name(block.page)}:{block.line}: {block.words['norun']}" for block in kept]


# -- that the checks catch what they are for ----------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ("```python\nthis is not\n```\n", "not python"),
        ("```sh\nif true\n```\n", "not sh"),
        ("```xml\n<domain>\n```\n", "not xml"),
        ("```xml\n<domain type='kvm'><nam>a</nam></domain>\n```\n", "did you mean 'name'"),
        ("```xml\n<disk type='file'><target div='vda'/></disk>\n```\n", "did you mean 'dev'"),
        ("```xml faulty\n<disk type='file'><target dev='vda'/></disk>\n```\n", "is a valid device"),
        ("```toml\na = \n```\n", "not toml"),
        ("```yaml\na: [\n```\n", "not yaml"),
        ("```json\n{a}\n```\n", "not json"),
        ("```cobol\n```\n", "in cobol"),
        ("```\n```\n", "in no language"),
        ("```sh slow\n```\n", "unknown word behind the fence: slow"),
        ('```sh norun="no"\n```\n', "without a reason"),
        ("```sh\n", "does not end"),
        ("Text.\n\n    some code\n", "by indentation"),
    ],
)
def test_a_wrong_block_is_told(tmp_path, page, complaint):
    (tmp_path / "page.md").write_text(page)
    with pytest.raises(doc_blocks.BlockError, match=complaint):
        for block in doc_blocks.blocks(tmp_path / "page.md"):
            doc_blocks.check(block)


@pytest.mark.parametrize(
    ("page", "complaint"),
    [
        ("```python\n1 / 0\n```\n", "ZeroDivisionError"),
        ("```sh\nfalse\n```\n", "exit status 1, expected 0"),
        ('```sh status="1"\ntrue\n```\n', "exit status 0, expected 1"),
        ("```sh\necho one\n```\n\n```text\ntwo\n```\n", "the page shows\ntwo"),
        ("```python\nprint(1)\n```\n\n```text\n2\n```\n", "the page shows\n2"),
        ("```text\nalone\n```\n", "shows what the block before it prints"),
    ],
)
def test_a_block_that_fails_is_told(tmp_path, monkeypatch, page, complaint):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PWD", str(tmp_path))
    (tmp_path / "page.md").write_text(page)
    with pytest.raises(doc_blocks.BlockError, match=complaint):
        doc_blocks.run_page(tmp_path / "page.md")


def test_the_blocks_of_a_page_share_what_they_made(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "```sh\nmkdir there; cd there; export WHERE=there\n```\n"
        '```toml title="made/some.toml"\nanswer = 42\n```\n'
        "```python\nimport os, tomllib\nmade = tomllib.load(open('made/some.toml', 'rb'))\n"
        "print(os.environ['WHERE'], os.getcwd().endswith('there'))\n```\n"
        "```text\nthere True\n```\n"
        "<!-- hidden\n```python\nprint(made['answer'])\n```\n-->\n"
        "```text\n4...\n```\n"
        '```sh typed="hello\\n"\ncat\n```\n```text\nhello\n```\n'
    )
    doc_blocks.run_apart(page)


def test_what_a_page_leaves_running_is_ended_and_told(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("```sh\nsh -c 'while :; do sleep 60; done' \"$PWD\" > /dev/null 2>&1 &\n```\n")
    with pytest.raises(doc_blocks.BlockError, match="left running"):
        doc_blocks.run_apart(page)


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("a\nb\n", "a  \nb\n\n", True),
        ("a ... c", "a b c", True),
        ("a\n...\nd", "a\nb\nc\nd", True),
        ("a\n...\nd", "a\nd", True),
        ("a", "a\nb", False),
        ("...", "", True),
        ("a.c", "abc", False),
    ],
)
def test_dots_stand_for_what_varies(shown, printed, same):
    assert doc_blocks.matches(shown, printed) is same


def test_figures_stand_for_any_figures():
    assert doc_blocks.matches("12 of 193  guests\n------\n", "7 of 2000 guests\n---------", figures=True)
    assert not doc_blocks.matches("12 of 193 guests", "no of 193 guests", figures=True)
    assert not doc_blocks.matches("12 of 193 guests", "7 of 193 guests")
