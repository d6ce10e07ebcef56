#!/usr/bin/env python3
"""Fuzz what reads documents: any bytes, as any kind of document, in any notation.

    python fuzz/documents.py [--seconds N] [--corpus DIRECTORY] [-- libFuzzer options]

An input's first byte chooses the kind of document, the rest is its text; the notation is guessed as `polyvisor convert`
guesses it. Whatever the text says, it is either refused with InvalidDocument, every fault with a message, or it is
read, completed, checked and written, and then:

* what was written is read again as an equal document, and written again as the same bytes;
* so it is in JSON and in YAML.

Anything else (another exception, more than TIMEOUT seconds, more than MEMORY MiB) ends the run with an artifact:
`python fuzz/documents.py --replay FILE` shows it. What is found becomes a test in tests/core/model/test_fuzzed.py.
Needs atheris, which has wheels for CPython 3.11 to 3.13.
"""

from __future__ import annotations

import argparse
import copy
import os
import random
import re
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from lxml import etree

ROOT = Path(__file__).resolve().parent.parent
SAMPLES = ROOT / "tests" / "core" / "model"
TIMEOUT = 10
MEMORY = 2048
LONGEST = 16 * 1024
NUMBERS = ("", " ", "0", "1", "-1", "255", "65536", "4294967296", "18446744073709551615", "1e9", "0x1f")
NAME = re.compile("[A-Za-z_][A-Za-z0-9_.-]*")


def judge(data: bytes) -> None:
    """One input. Raises whatever should not have happened."""
    every = every_kind()
    judge_text(every[data[0] % len(every)] if data else every[0], data[1:])


def every_kind() -> tuple[str, ...]:
    """The kinds of document, in the order in which an input's first byte counts them."""
    from polyvisor import model

    return (*model.kinds(), *model.FAMILIES)


def judge_text(kind: str, text: bytes) -> None:
    """One text as one kind of document."""
    from polyvisor import model
    from polyvisor.documents import notations
    from polyvisor.errors import InvalidDocument

    notation = notations.guess(text)
    try:
        document = read(kind, notation, text)
        model.check(kind, model.complete(kind, document))
    except InvalidDocument as refused:
        assert refused.faults, "refused without a fault"
        assert all(fault.message for fault in refused.faults), "a fault without a message"
        assert len(str(refused)) < 1_000_000, "a refusal longer than any document"
        return
    for each in ("xml", "json", "yaml"):
        written = write(each, document)
        again = read(kind, each, written.encode())
        assert again == document, f"{each}: what was written is read as something else"
        assert write(each, again) == written, f"{each}: what was read is written as something else"


def read(kind: str, notation: str, text: bytes):  # type: ignore[no-untyped-def]
    """The document a text is."""
    from polyvisor import model
    from polyvisor.documents import notations
    from polyvisor.documents.plain import from_plain

    if notation == "xml":
        return model.parse(kind, text)
    source = notations.read_json(text) if notation == "json" else notations.read_yaml(text)
    return from_plain(source.data, *model.roots(kind), lines=source.lines)


def write(notation: str, document) -> str:  # type: ignore[no-untyped-def]
    """The text of a document, secrets and all."""
    from polyvisor import model
    from polyvisor.documents import notations
    from polyvisor.documents.plain import to_plain

    if notation == "xml":
        return model.format(document, secure=True)
    plain = to_plain(document, secure=True)
    return notations.write_json(plain) if notation == "json" else notations.write_yaml(plain)


def seeds() -> Iterator[bytes]:
    """The samples of the tests, in each notation, each as its own kind."""
    from polyvisor import model
    from polyvisor.errors import InvalidDocument

    every = every_kind()
    for path in sorted(SAMPLES.rglob("samples/*.xml")):
        kind = next((kind for kind in sorted(every, key=len, reverse=True) if path.name.startswith(kind)), "domain")
        text = path.read_bytes()
        number = bytes([every.index(kind)])
        yield number + text
        try:
            document = model.parse(kind, text)
        except InvalidDocument:
            continue
        yield from (number + write(notation, document).encode() for notation in ("json", "yaml"))


def words() -> Iterator[str]:
    """Tags, names of attributes and values that listed datatypes have: the fuzzer's dictionary."""
    from polyvisor import model
    from polyvisor.documents.binding import Target
    from polyvisor.documents.classes import spec_of

    waiting = [cls for kind in every_kind() for cls in model.roots(kind)]
    seen: set[object] = set()
    found: set[str] = {
        "<!DOCTYPE",
        "<!ENTITY",
        "<![CDATA[",
        "]]>",
        "&#x0;",
        "xmlns=",
        "&amp;",
        "0x",
        "18446744073709551615",
    }
    while waiting:
        cls = waiting.pop()
        if cls in seen:
            continue
        seen.add(cls)
        for bound in spec_of(cls).fields:
            found.update(name for name in (bound.xml, *bound.tags) if name)
            found.update(value for value in (bound.datatype.values() if bound.datatype else ()) if value)
            targets: list[Target] = [*bound.targets, *(target for each in bound.cases.values() for target in each)]
            waiting += [inner for target in targets for inner in target.classes]
    yield from sorted(word for word in found if word.isascii() and 1 < len(word) < 60)


class Mutator:
    """Changes to what an XML text means rather than to its bytes: most changed bytes are no XML any more."""

    def __init__(self, texts: list[str], mutate: Callable[[bytes, int], bytes]) -> None:
        self.texts = texts
        self.mutate = mutate
        self.trees = [etree.fromstring(seed[1:]) for seed in seeds() if seed[1:2] == b"<"]

    def __call__(self, data: bytes, max_size: int, seed: int) -> bytes:
        """A changed input, for atheris."""
        chance = random.Random(seed)
        if chance.random() < 0.25:
            return self.mutate(data, max_size)
        try:
            tree = etree.fromstring(data[1:], etree.XMLParser(resolve_entities=False, no_network=True))
        except (etree.XMLSyntaxError, ValueError):
            return self.mutate(data, max_size)
        for _ in range(chance.randint(1, 4)):
            self.change(tree, chance)
        changed = data[:1] + etree.tostring(tree)
        return changed if len(changed) <= max_size else self.mutate(data, max_size)

    def change(self, tree: etree._Element, chance: random.Random) -> None:
        """One change: to an attribute, to a text, to a tag, or of an element."""
        node = chance.choice(list(tree.iter("*")))
        parent = node.getparent()
        way = chance.randrange(8)
        if way == 0 and node.attrib:
            del node.attrib[chance.choice(list(node.attrib))]
        elif way == 1:
            name = chance.choice(list(node.attrib) or ["type"])
            node.set(name, self.text(chance))
        elif way == 2:
            node.set(chance.choice(["type", "mode", "name", "id", "bus", "unit", "model", "index"]), self.text(chance))
        elif way == 3:
            node.text = self.text(chance)
        elif way == 4 and parent is not None:
            parent.remove(node)
        elif way == 5 and parent is not None:
            parent.insert(chance.randint(0, len(parent)), copy.deepcopy(node))
        elif way == 6:
            other = chance.choice(list(chance.choice(self.trees).iter("*")))
            node.insert(chance.randint(0, len(node)), copy.deepcopy(other))
        else:
            word = self.text(chance)
            if NAME.fullmatch(word):
                node.append(etree.Element(word))

    def text(self, chance: random.Random) -> str:
        """A word of the documents, or a number from where numbers are difficult."""
        if chance.random() < 0.6:
            return chance.choice(self.texts)
        return chance.choice(
            ["", "0", "1", "-1", "255", "65536", "4294967296", "18446744073709551615", "1e9", "0x1", " "]
        )


def main() -> int:
    """Fuzz for a while, or replay one input."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600, help="stop after so long (default: %(default)s; 0: never)")
    parser.add_argument("--corpus", type=Path, help="keep what reaches new code here, for the next run")
    parser.add_argument("--replay", type=Path, help="run one input and no more")
    parser.add_argument("options", nargs="*", help="options of libFuzzer")
    options = parser.parse_args()
    if options.replay:
        judge(options.replay.read_bytes())
        return 0
    import atheris

    with atheris.instrument_imports(include=["polyvisor"]), tempfile.TemporaryDirectory() as directory:
        from polyvisor import model

        every_kind()
        given = Path(directory)
        (given / "seeds").mkdir()
        for number, seed in enumerate(seeds()):
            (given / "seeds" / f"{number:03}").write_bytes(seed)
        listed = list(words())
        quoted = (word.replace("\\", "\\\\").replace('"', '\\"') for word in listed)
        (given / "words").write_text("".join(f'"{word}"\n' for word in quoted))
        corpus = options.corpus or given / "corpus"
        corpus.mkdir(parents=True, exist_ok=True)
        for kind in every_kind():
            model.roots(kind)
        arguments = [
            sys.argv[0],
            str(corpus),
            str(given / "seeds"),
            f"-dict={given / 'words'}",
            f"-max_total_time={options.seconds}",
            f"-timeout={TIMEOUT}",
            f"-rss_limit_mb={MEMORY}",
            f"-max_len={LONGEST}",
            "-print_final_stats=1",
            *options.options,
        ]
        # not atheris.Mutate itself, which is another one once Fuzz() runs
        mutator = Mutator(listed, lambda data, size: bytes(atheris.Mutate(data, size)))
        atheris.Setup(arguments, judge, custom_mutator=mutator)
        atheris.Fuzz()
    return 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") is None:
        os.environ["PYTHONHASHSEED"] = "0"  # the same input takes the same way in every run
        os.execv(sys.executable, [sys.executable, *sys.argv])
    sys.exit(main())
