#!/usr/bin/env python3
"""Draw the pictures of terminals in docs/pictures, as SVG, from what the commands print.

scripts/pictures.py            draw those that can be drawn here (some need QEMU)
scripts/pictures.py --check    draw nothing; say which are not what would be drawn
"""

from __future__ import annotations

import argparse
import os
import pty
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

sys.path.insert(0, str(Path(__file__).parent))
from doc_blocks import surroundings

PICTURES = Path(__file__).resolve().parent.parent / "docs" / "pictures"
WIDTH, HEIGHT = 8.43, 19
"""Of one character, in pixels."""
MARGIN, BAR = 16, 34
COLOURS = {"31": "#ff7b72", "32": "#7ee787", "33": "#e3b341", "34": "#79c0ff", "35": "#d2a8ff", "36": "#76e3ea"}
PROMPT, REMARK, TEXT, BACKGROUND = "#7ee787", "#8b949e", "#e6edf3", "#0d1117"
SGR = re.compile(r"\x1b\[([\d;]*)m")
OTHER_SEQUENCES = re.compile(r"\x1b\[[\d;?]*[A-Za-ln-z]|\x07")

WRONG = """\
<domain type='kvm'>
  <name>web</name>
  <memory unit='GB'>2</memory>
  <os>
    <type>hvm</type>
  </os>
  <devices>
    <disk type='file' device='disk'>
      <driver name='qemu' typ='qcow2'/>
      <source file='/srv/web.qcow2'/>
      <target dev='vda' bus='virtoi'/>
    </disk>
    <interface type='network'>
      <sorce network='default'/>
    </interface>
  </devices>
</domain>
"""


@dataclass(frozen=True)
class Picture:
    """What is typed, one line after the other.

    ``files`` are there before; ``answer`` is typed when ``asked`` is printed; ``since`` is in the first line that the
    picture shows, ``until`` in the first that it does not."""

    name: str
    title: str
    lines: tuple[str, ...]
    files: tuple[tuple[str, str], ...] = ()
    needs: str = ""
    asked: str = ""
    answer: str = ""
    since: str = ""
    until: str = ""

    def draw(self) -> str:
        """The picture."""
        with tempfile.TemporaryDirectory(prefix="picture-") as home:
            work = Path(home, "work")
            work.mkdir()
            for name, text in self.files:
                (work / name).write_text(text, "utf-8")
                (work / name).chmod(0o755)
            environment = surroundings(Path(home)) | {"TERM": "xterm-256color", "TMPDIR": home}
            shown = "".join(f"{prompt(line)}{self.printed(line, work, environment)}" for line in self.lines)
        rows = shown.replace("\r", "").rstrip("\n").split("\n")
        start = next(number for number, row in enumerate(rows) if self.since in row)
        end = next((number for number, row in enumerate(rows) if self.until and self.until in row), len(rows))
        return svg(self.title, rows[start:end])

    def printed(self, line: str, where: Path, environment: dict[str, str]) -> str:
        """What a line prints to a terminal, with an empty line at its end."""
        child, terminal = pty.fork()
        if child == 0:
            os.chdir(where)
            os.execvpe("bash", ["bash", "-c", line], environment)
        said, waiting = b"", bool(self.asked)
        while more := _read(terminal):
            said += more
            if waiting and self.asked.encode() in said:
                os.write(terminal, self.answer.encode())
                waiting = False
        os.close(terminal)
        os.waitpid(child, 0)
        text = OTHER_SEQUENCES.sub("", said.decode("utf-8", errors="replace"))
        return text.rstrip("\r\n") + "\n\n"


def _read(terminal: int) -> bytes:
    """What a terminal has to say; nothing when its other side is closed."""
    try:
        return os.read(terminal, 65536)
    except OSError:  # EIO
        return b""


def prompt(line: str) -> str:
    return f"\x1b[32m$\x1b[0m \x1b[1m{line}\x1b[0m\n"


# -- drawing ------------------------------------------------------------------------------------------


def svg(title: str, rows: list[str]) -> str:
    """A window with the rows in it."""
    columns = max(60, *(len(SGR.sub("", row)) for row in rows))
    width, height = columns * WIDTH + 2 * MARGIN, len(rows) * HEIGHT + BAR + 2 * MARGIN - 8
    lights = "".join(
        f'<circle cx="{18 + 18 * number}" cy="17" r="5.5" fill="{colour}"/>'
        for number, colour in enumerate(("#ff5f57", "#febc2e", "#28c840"))
    )
    body = "\n".join(
        f'<text y="{BAR + MARGIN + 6 + number * HEIGHT}">{"".join(spans(row))}</text>'
        for number, row in enumerate(rows)
        if row.strip()
    )
    return f"""\
<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height}" viewBox="0 0 {width:.0f} {height}"
     role="img">
<title>{escape(title)}</title>
<style>
text {{ font: 14px ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; fill: {TEXT}; white-space: pre }}
</style>
<rect width="100%" height="100%" rx="8" fill="{BACKGROUND}"/>
{lights}
<text x="{width / 2:.0f}" y="22" text-anchor="middle" style="fill: {REMARK}; font-size: 13px">{escape(title)}</text>
{body}
</svg>
"""


def spans(row: str) -> Iterator[str]:
    """The pieces of a row that look alike, each where its first character stands, whatever the font's width."""
    colour, bold, column = "", False, 0
    remark = SGR.sub("", row).startswith("# ")
    for number, piece in enumerate(SGR.split(row)):
        if number % 2:
            for code in (piece or "0").split(";"):
                colour, bold = ("", False) if code in ("", "0") else (COLOURS.get(code, colour), bold or code == "1")
            continue
        for place, text in words(piece):
            style = f' fill="{REMARK if remark else colour}"' if colour or remark else ""
            weight = ' font-weight="bold"' if bold else ""
            x = MARGIN + (column + place) * WIDTH
            yield f'<tspan x="{x:.1f}" textLength="{len(text) * WIDTH:.1f}"{style}{weight}>{escape(text)}</tspan>'
        column += len(piece)


def words(piece: str) -> Iterator[tuple[int, str]]:
    """The stretches between two or more blanks, and where they begin."""
    for match in re.finditer(r"\S+(?: \S+)*", piece):
        yield match.start(), match[0]


EDITOR = """\
#!/bin/sh
# Writes a slip the first time, and mends it the second time.
if grep -q Memroy "$1"; then
    sed -i 's/Memroy/Memory/g; s/2097152/1048576/' "$1"
else
    sed -i 's/currentMemory/currentMemroy/g' "$1"
fi
"""

PICTURE_LIST = (
    Picture(
        "fault",
        "polyvisor validate",
        ("cat -n web.xml | sed -n 8,15p", "polyvisor validate web.xml"),
        files=(("web.xml", WRONG),),
    ),
    Picture(
        "edit",
        "polyvisor edit",
        ("EDITOR=./my-editor polyvisor -c test:///default edit test",),
        files=(("my-editor", EDITOR),),
        asked="[Y/n]",
        answer="y\n",
    ),
    Picture(
        "errors",
        "what, where, why, and what to do",
        (
            "polyvisor -c test:///default domstate test --reason",
            "polyvisor -c test:///default start test",
            "polyvisor -c test:///default strat test",
            "polyvisor -c test:///default domstate tset",
        ),
    ),
    Picture(
        "demo",
        "polyvisor demo",
        ("polyvisor demo",),
        needs="qemu-system-x86_64",
        since="# A slip of the pen",
        until="# The same from Python",
    ),
)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Draw the pictures of terminals in docs/pictures.")
    parser.add_argument("--check", action="store_true", help="fail when a picture is stale; draw nothing")
    parser.add_argument("names", nargs="*", help="which; default: all that can be drawn here")
    options = parser.parse_args(arguments)
    stale = 0
    for picture in PICTURE_LIST:
        if options.names and picture.name not in options.names:
            continue
        if picture.needs and shutil.which(picture.needs) is None:
            print(f"left as it is, for want of {picture.needs}: {picture.name}.svg")
            continue
        path, drawn = PICTURES / f"{picture.name}.svg", picture.draw()
        if path.exists() and path.read_text("utf-8") == drawn:
            continue
        stale += 1
        print(f"{'stale' if options.check else 'written'}: docs/pictures/{path.name}")
        if not options.check:
            PICTURES.mkdir(exist_ok=True)
            path.write_text(drawn, "utf-8")
    return 1 if options.check and stale else 0


if __name__ == "__main__":
    sys.exit(main())
