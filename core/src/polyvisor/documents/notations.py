"""JSON and YAML text, to and from plain data, safely: bounded, nothing but data, and no key twice.

YAML is read in the way of its JSON schema: ``true``, ``false``, ``null`` and whole numbers are such, all else is text.
So ``yes``, ``0755``, ``1.10`` and ``52:54:00:12:34:56`` stay what was typed, whatever a reader of YAML 1.1 takes them
for; what is written is quoted where such a reader needs it. Tags are refused, aliases are not.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from polyvisor.documents.faults import Fault
from polyvisor.documents.naming import shown
from polyvisor.documents.parsing import MAX_DEPTH, MAX_SIZE
from polyvisor.documents.plain import Place, shown_place
from polyvisor.errors import HostError, InvalidDocument

MAX_YAML_SIZE = 1024 * 1024
"""Bytes of the largest YAML text that is looked at; without its C library PyYAML reads a few hundred KB a second."""

_SUFFIXES = {".xml": "xml", ".json": "json", ".yaml": "yaml", ".yml": "yaml"}
_INTEGER = re.compile(r"-?(0|[1-9][0-9]{0,30})")
_WORDS = {"true": True, "false": False, "null": None}
_FOREIGN_BREAKS = re.compile("[\x85\u2028\u2029\ufeff]")


class Source(NamedTuple):
    """Plain data that was read, and the lines of its places as far as they are known."""

    data: object
    lines: dict[Place, int]


def guess(content: bytes, name: str = "") -> str:
    """The notation of a document, ``xml``, ``json`` or ``yaml``: by the name of its file, else by how it begins."""
    suffix = re.search(r"\.[a-z]+\Z", name.lower())
    if suffix and suffix[0] in _SUFFIXES:
        return _SUFFIXES[suffix[0]]
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "xml"
    start = content.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    return {b"<": "xml", b"{": "json"}.get(start, "yaml")


def read_json(content: bytes | str) -> Source:
    """Raises InvalidDocument for what is no JSON, has a key twice, or is too large or deep."""
    text = _decoded(content, MAX_SIZE)
    try:
        return Source(json.loads(text, object_pairs_hook=_unique, parse_constant=_no_constant), {})
    except json.JSONDecodeError as error:
        raise _refused(f"not JSON: {error.msg} (column {error.colno})", error.lineno) from None
    except RecursionError:
        raise _refused(f"what it holds nests more than {MAX_DEPTH} deep") from None
    except ValueError as error:
        raise _refused(f"not JSON: {error}") from None


def write_json(data: object) -> str:
    """JSON, two spaces a level."""
    return json.dumps(data, indent=2, ensure_ascii=False) + "\n"


def read_yaml(content: bytes | str) -> Source:
    """Raises InvalidDocument for what is no YAML, has tags, a key twice, several documents, or is too large or deep;
    HostError without PyYAML."""
    yaml = _yaml()
    text = _decoded(content, MAX_YAML_SIZE)
    try:
        composer = _Composer(yaml, yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
        return Source(composer.document(), composer.lines)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = " ".join(filter(None, (error.context, error.problem)))
        raise _refused(f"not YAML: {said}", mark.line + 1 if mark else None) from None
    except yaml.YAMLError as error:
        raise _refused(f"not YAML: {' '.join(str(error).split())}") from None


def write_yaml(data: object) -> str:
    """YAML in block style, without aliases; raises HostError without PyYAML."""
    yaml = _yaml()

    class Dumper(yaml.SafeDumper):  # type: ignore[misc, name-defined]
        def ignore_aliases(self, data: object) -> bool:
            return True

    def represent(dumper: Any, text: str) -> Any:
        style = '"' if _FOREIGN_BREAKS.search(text) else "|" if "\n" in text else None
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)

    Dumper.add_representer(str, represent)
    options = {"sort_keys": False, "allow_unicode": True, "default_flow_style": False, "width": 120}
    return str(yaml.dump(data, Dumper=Dumper, **options))


READERS: dict[str, Callable[[bytes | str], Source]] = {"json": read_json, "yaml": read_yaml}
WRITERS: dict[str, Callable[[object], str]] = {"json": write_json, "yaml": write_yaml}


def _yaml() -> Any:
    try:
        import yaml
    except ImportError:
        raise HostError(
            "YAML needs PyYAML, which is not installed", hint="pip install 'polyvisor[yaml]', or use JSON"
        ) from None
    return yaml


def _refused(message: str, line: int | None = None, place: Place = ()) -> InvalidDocument:
    return InvalidDocument("the document cannot be read", faults=[Fault(shown_place(place), line, message)])


def _decoded(content: bytes | str, most: int) -> str:
    if len(content) > most:
        raise _refused(f"the document has {len(content)} bytes; the most that is read is {most}")
    if isinstance(content, str):
        return content.removeprefix("\ufeff")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        message = f"byte 0x{content[error.start]:02x} is not UTF-8"
        raise _refused(message, content.count(b"\n", 0, error.start) + 1) from None


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in pairs:
        if name in found:
            raise ValueError(f"the key {shown(name)} is in an object twice")
        found[name] = value
    return found


def _no_constant(name: str) -> object:
    raise ValueError(f"{name} is no number")


class _Composer:
    """Plain data out of the events of PyYAML's parser, which knows nothing of types and makes no objects.

    An alias is the very data of its anchor, which is complete by then: nothing grows and nothing contains itself."""

    def __init__(self, yaml: Any, events: Iterator[Any]) -> None:
        self.yaml = yaml
        self.events = events
        self.anchors: dict[str, object] = {}
        self.lines: dict[Place, int] = {}

    def document(self) -> object:
        """The one document there is."""
        next(self.events)  # the start of the stream
        if isinstance(next(self.events), self.yaml.StreamEndEvent):
            raise _refused("there is nothing in it")
        data = self.node(next(self.events), ())
        next(self.events)
        event = next(self.events)
        if not isinstance(event, self.yaml.StreamEndEvent):
            raise self.refused("a second document cannot stand here", event, ())
        return data

    def refused(self, message: str, event: Any, place: Place) -> InvalidDocument:
        return _refused(message, event.start_mark.line + 1, place)

    def node(self, event: Any, place: Place) -> object:
        self.lines[place] = event.start_mark.line + 1
        if isinstance(event, self.yaml.AliasEvent):
            if event.anchor not in self.anchors:
                raise self.refused(f"the alias {shown(event.anchor)} stands for nothing yet", event, place)
            return self.anchors[event.anchor]
        if event.tag not in (None, "!"):
            raise self.refused(f"the tag {shown(event.tag)} is not allowed", event, place)
        if len(place) > 2 * MAX_DEPTH:
            raise self.refused(f"what stands here nests more than {MAX_DEPTH} deep", event, place[:8])
        data: object
        if isinstance(event, self.yaml.ScalarEvent):
            data = _resolved(event.value) if event.implicit[0] else event.value
        elif isinstance(event, self.yaml.SequenceStartEvent):
            data = self.sequence(place)
        else:
            data = self.mapping(place)
        if event.anchor:
            self.anchors[event.anchor] = data
        return data

    def sequence(self, place: Place) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(self.events), self.yaml.SequenceEndEvent):
            items.append(self.node(event, (*place, len(items))))
        return items

    def mapping(self, place: Place) -> dict[str, object]:
        data: dict[str, object] = {}
        while not isinstance(event := next(self.events), self.yaml.MappingEndEvent):
            if not isinstance(event, self.yaml.ScalarEvent) or event.tag not in (None, "!"):
                raise self.refused("a key is a plain text", event, place)
            key = str(event.value)
            if key in data:
                raise self.refused(f"the key {shown(key)} is there twice", event, place)
            line = event.start_mark.line + 1
            data[key] = self.node(next(self.events), (*place, key))
            self.lines[*place, key] = line
        return data


def _resolved(text: str) -> object:
    """What an unquoted scalar is."""
    if text in _WORDS:
        return _WORDS[text]
    return int(text) if _INTEGER.fullmatch(text) else text
