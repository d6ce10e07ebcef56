"""What the site has beside the pages in docs/: a hook of MkDocs (see mkdocs.yml), run by ``make docs``.

- Pages that stand elsewhere in the workspace (``ELSEWHERE``), READMEs of plugins and of examples among them.
- The table of what each driver can do, drawn from the drivers that are installed where the site is built.
- The list of reference pages, so that a new kind of document needs no line in mkdocs.yml.

Pages link as they do in the workspace. Links to what is not on the site (sources, tests) become plain text.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.structure.files import File

from polyvisor.config import Configuration
from polyvisor.errors import PluginError
from polyvisor.operations.catalogue import SUBJECTS, every
from polyvisor.plugins import Installed, LoadedDriver, Plugins

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
SUPPORT = "reference/support.md"
ELSEWHERE = {
    "benchmarks.md": "benchmarks/README.md",
    "changelog.md": "CHANGELOG.md",
    "contributing.md": "CONTRIBUTING.md",
    "security.md": "SECURITY.md",
}
"""Pages of the site that are other files of the workspace; the READMEs of plugins and examples are some."""
ELSEWHERE |= {
    f"{section}/{readme.parent.name}.md": readme.relative_to(ROOT).as_posix()
    for section, folder in (("drivers", "plugins"), ("examples", "examples"))
    for readme in sorted(ROOT.glob(f"{folder}/*/README.md"))
}

ALIASES = {"README.md": "index.md", "docs/reference": "reference/index.md", "docs/tutorial": "tutorial/index.md"}
"""What else pages link to, and the page of the site that is meant."""

FENCE = re.compile(r"^(?P<indent>[ \t]*)```(?P<language>[\w-]+)[ \t]+(?P<words>\S[^\n`]*)$", re.MULTILINE)
TITLE = re.compile(r'title="[^"]*"')
HIDDEN = re.compile(r"^<!-- (?:needs: [^\n]*?|hidden\n.*?\n)-->\n", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(?P<image>!?)\[(?P<text>[^\]]*)\]\((?P<path>[^)#:\s]+)(?P<section>#[^)\s]*)?\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of a folder, of docs/ or of those made here, where mkdocs.yml names the folder."""
    config.nav = [_expanded(entry) for entry in config.nav or ()]
    return config


def _expanded(entry: Any) -> Any:
    if isinstance(entry, dict):
        return {title: _expanded(below) for title, below in entry.items()}
    if isinstance(entry, list):
        return [_expanded(below) for below in entry]
    if (DOCS / entry).is_dir():
        return _folder(DOCS / entry)
    return [{f"polyvisor-{Path(page).stem}": page} for page in ELSEWHERE if page.startswith(f"{entry}/")] or entry


def _folder(folder: Path) -> list[Any]:
    """The pages of a folder: its index first, then the others by name, folders among them."""
    entries: list[Any] = []
    if (folder / "index.md").exists():
        entries.append((folder / "index.md").relative_to(DOCS).as_posix())
    for path in sorted(folder.iterdir()):
        if path.is_dir():
            entries.append({path.name: _folder(path)})
        elif path.suffix == ".md" and path.name != "index.md":
            entries.append({path.stem: path.relative_to(DOCS).as_posix()})
    return entries


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are not files below docs/."""
    for name, source in ELSEWHERE.items():
        files.append(File.generated(config, name, content=(ROOT / source).read_text("utf-8")))
    files.append(File.generated(config, SUPPORT, content="\n\n".join(support_page()) + "\n"))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """What GitHub and the tests need in a page, in the form that MkDocs wants."""
    place = page.file.src_uri
    source = ROOT / ELSEWHERE[place] if place in ELSEWHERE else DOCS / place
    without = FENCE.sub(_fence, HIDDEN.sub("", markdown))
    return LINK.sub(lambda link: _link(link, source, place, files), without)


def _fence(fence: re.Match[str]) -> str:
    """A fence without the words that only the tests read."""
    title = TITLE.search(fence["words"])
    return f"{fence['indent']}```{fence['language']}" + (f" {title[0]}" if title else "")


def _link(link: re.Match[str], source: Path, place: str, files: Files) -> str:
    target = (source.parent / link["path"]).resolve()
    if not target.exists() or not target.is_relative_to(ROOT):
        return link[0]  # MkDocs tells that it leads nowhere, or it leads to a page that only the site has
    there = page_of(target, files)
    if not there:
        return link["text"]
    path = os.path.relpath(there, os.path.dirname(place) or ".")
    return f"{link['image']}[{link['text']}]({path}{link['section'] or ''})"


def page_of(target: Path, files: Files) -> str:
    """The page of the site that a file or folder of the workspace is, or nothing."""
    relative = target.relative_to(ROOT).as_posix()
    for name, file in [*ELSEWHERE.items(), *((page, source) for source, page in ALIASES.items())]:
        if file == relative:
            return name
    inside = target.relative_to(DOCS).as_posix() if target.is_relative_to(DOCS) else ""
    return inside if inside and files.get_file_from_path(inside) else ""


# -- what each driver can do --------------------------------------------------------------------------


def support_page() -> Iterator[str]:
    """The blocks of the page that says what each installed driver can do."""
    installed = list(drivers())
    total = len(every())
    yield "# What each driver can do"
    yield (
        "Drawn from the drivers that were installed when this page was made: a driver has an operation if it has the "
        "method. Ask for the state of your own host with `polyvisor drivers --matrix`, or in a program with "
        "`connection.supports(capability)`. What a driver does not have raises `UnsupportedOperation`."
    )
    yield "\n".join(
        [
            "| driver | version | package | URIs | operations |",
            "|---|---|---|---|---:|",
            *(
                f"| `{entry.name}` | {entry.version} | `{entry.distribution}` "
                f"| {' '.join(f'`{scheme}://`' for scheme in entry.schemes)} "
                f"| {len(driver.implements & every().keys())} of {total} |"
                for entry, driver in installed
            ),
        ]
    )
    for subject in SUBJECTS:
        yield from _subject(subject, installed)


def drivers() -> Iterator[tuple[Installed, LoadedDriver]]:
    """Every installed driver that can be used."""
    plugins = Plugins(block=Configuration().blocked)
    for entry in plugins.drivers():
        try:
            yield entry, plugins.driver(entry.schemes[0])
        except PluginError as error:
            raise SystemExit(f"driver {entry.name} cannot be shown: {error}") from error


def _subject(subject: str, installed: list[tuple[Installed, LoadedDriver]]) -> Iterator[str]:
    yield f"## {subject}"
    names = [entry.name for entry, _ in installed]
    lines = [f"| operation | capability | {' | '.join(names)} |", "|---|---|" + ":-:|" * len(names)]
    for name, operation in every().items():
        if operation.subject == subject:
            has = (_mark(name in driver.implements) for _, driver in installed)
            lines.append(f"| [`{name}`](operations.md#{name}) | `{operation.capability}` | {' | '.join(has)} |")
    yield '<div class="matrix" markdown>\n\n' + "\n".join(lines) + "\n\n</div>"


def _mark(has: bool) -> str:
    return '<span class="has">yes</span>' if has else '<span class="has-not">–</span>'
