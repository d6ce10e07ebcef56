"""What the site makes of the pages: links, fences, the list of pages, and the table of what drivers can do."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

import polyvisor
from polyvisor.config import Configuration
from polyvisor.operations.catalogue import every

pytest.importorskip("mkdocs", reason="mkdocs builds the site; `make docs` brings it")

WORKSPACE = Path(__file__).parents[2]
DOCS = WORKSPACE / "docs"


class Pages:
    """As much of MkDocs' list of files as the hook looks at."""

    def get_file_from_path(self, name: str) -> bool:
        return (DOCS / name).is_file()


@pytest.fixture(scope="module")
def site() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_pages", WORKSPACE / "scripts" / "site_pages.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def rendered(site):
    def render(markdown: str, place: str = "how-to/edit.md") -> str:
        page = SimpleNamespace(file=SimpleNamespace(src_uri=place))
        return site.on_page_markdown(markdown, page, None, Pages())

    return render


@pytest.mark.parametrize(
    ("link", "place", "seen"),
    [
        ("[a](../start.md)", "how-to/edit.md", "[a](../start.md)"),
        ("[a](../start.md#run-it)", "how-to/edit.md", "[a](../start.md#run-it)"),
        ("[a](../../README.md)", "how-to/edit.md", "[a](../index.md)"),
        ("[a](../../benchmarks/README.md)", "how-to/edit.md", "[a](../benchmarks.md)"),
        ("[a](docs/stability.md)", "changelog.md", "[a](stability.md)"),
        ("[`spi`](../../core/src/polyvisor/spi.py)", "tutorial/index.md", "`spi`"),
        ("[a](https://example.org/a#b)", "how-to/edit.md", "[a](https://example.org/a#b)"),
        ("[a](nowhere.md)", "how-to/edit.md", "[a](nowhere.md)"),  # MkDocs tells of it
        ("![a](../pictures/edit.svg)", "how-to/edit.md", "![a](../pictures/edit.svg)"),
    ],
)
def test_links_lead_to_pages_of_the_site_or_are_words(rendered, link, place, seen):
    assert rendered(link, place) == seen


def test_readers_see_no_words_for_the_tests(rendered):
    page = '<!-- needs: qemu -->\n<!-- hidden\n```sh\nset-up\n```\n-->\n```sh status="6" title="a.sh"\nx\n```\n'
    assert rendered(page) == '```sh title="a.sh"\nx\n```\n'


def test_a_named_folder_becomes_the_list_of_its_pages(site):
    config = SimpleNamespace(nav=[{"Documents": "reference/documents"}, {"Packages": "drivers"}, "start.md"])
    documents, packages, start = site.on_config(config).nav
    assert documents["Documents"][0] == "reference/documents/index.md"
    assert {"cpu": "reference/documents/cpu.md"} in documents["Documents"]
    assert {"polyvisor-qemu": "drivers/qemu.md"} in packages["Packages"]
    assert start == "start.md"


def test_the_table_says_what_connections_say(site):
    page = "\n".join(site.support_page())
    (names,) = {line for line in page.splitlines() if line.startswith("| operation |")}
    column = [cell.strip() for cell in names.split("|")].index("test")
    with polyvisor.open("test:///default", configuration=Configuration()) as connection:
        for name in every():
            (row,) = re.findall(rf"^\| \[`{name}`\].*$", page, re.MULTILINE)
            assert ("yes" in row.split("|")[column]) is connection.supports(name), name
