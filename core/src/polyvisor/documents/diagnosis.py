"""What is wrong with a document, in words a person can act on.

The gate says yes or no; this walks the refused document over the same declarations and says where, what stands there,
what may stand there, and what was probably meant. Each mistake is named once: what only follows from another (the
missing ``<target>`` beside a misspelt ``<traget>``, the contents of an element of unknown type) is not listed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from polyvisor.documents import fields as f
from polyvisor.documents.binding import Bound, Spec, Target, root_target
from polyvisor.documents.classes import Element, spec_of
from polyvisor.documents.conditions import environment, holds, targets
from polyvisor.documents.contributions import Contribution, Unavailable, words
from polyvisor.documents.datatypes import Datatype, listing
from polyvisor.documents.faults import Fault
from polyvisor.documents.gates import namespaces
from polyvisor.documents.nearest import nearest
from polyvisor.documents.owners import PACKAGES
from polyvisor.documents.places import Places
from polyvisor.documents.reader import Extensions, extension_table

if TYPE_CHECKING:
    from lxml.etree import _Element

MAX_FAULTS = 100
"""Where a document has more than these, the rest is not worth reading."""
_SPACE = " \t\r\n"


class _Enough(Exception):
    pass


def explain(tree: _Element, root: type[Element], contributions: Iterable[Contribution] = ()) -> list[Fault]:
    """The faults of a parsed document, those that cause others first; empty when there is none.

    The contributions are looked at when the document has elements in a namespace, or a word that an open list lacks."""
    walk = _Walk(root, contributions, foreign=bool(namespaces(tree)))
    try:
        walk.root(tree)
    except _Enough:
        pass
    return list(_strays_joined(walk))


def _strays_joined(walk: _Walk) -> Iterator[Fault]:
    """The faults, with an element missing here and standing there told as one."""
    joined: dict[int, Fault | None] = {}
    for tag, missing in walk.missing.items():
        astray = walk.astray.get(tag, [])
        if len(missing) == len(astray) == 1:
            (home,), (stray,) = missing, astray
            stands = stray.path.split("/")[-2].partition("[")[0]
            message = f"{home.message}; it stands in <{stands}>, where it is not allowed"
            joined[id(stray)] = Fault(home.path, stray.line, message, found=tag, expected=home.expected)
            joined[id(home)] = None
    for fault in walk.faults:
        if (told := joined.get(id(fault), fault)) is not None:
            yield told


class _Walk:
    def __init__(self, root: type[Element], contributions: Iterable[Contribution], *, foreign: bool) -> None:
        self.cls = root
        self.contributions = contributions
        known = tuple(contributions) if foreign else ()
        self.extensions: Extensions = extension_table(known)
        self.unavailable = {each.distribution: each for each in known if isinstance(each, Unavailable)}
        self.places = Places(root, known)
        self.faults: list[Fault] = []
        self.missing: dict[str, list[Fault]] = {}
        self.astray: dict[str, list[Fault]] = {}

    def report(
        self, node: _Element, message: str, *, at: str = "", expected: Iterable[str] = (), **more: str | None
    ) -> None:
        self.faults.append(Fault(path_of(node) + at, node.sourceline, message, expected=tuple(expected), **more))
        if len(self.faults) >= MAX_FAULTS:
            raise _Enough

    def root(self, node: _Element) -> None:
        target = root_target(self.cls)
        if node.tag == target.tag:
            self.target(node, target)
            return
        wanted, found = local(target.tag), local(node.tag)
        expected = (f"<{wanted}>",)
        near = wanted if nearest(found, [wanted]) else None
        message = f"the document is a <{found}>"
        if found == wanted:
            message, near = f"<{found}> is in namespace {namespace(node.tag)!r}", None
            expected = ("no namespace",)
        self.faults.append(Fault("/", node.sourceline, message, found=found, expected=expected, nearest=near))

    def target(self, node: _Element, target: Target) -> None:
        cls = target.resolve(node)
        if cls is not None:
            _ElementWalk(self, node, spec_of(cls)).run()
        else:
            self.no_variant(node, target)

    def no_variant(self, node: _Element, target: Target) -> None:
        """The attributes that choose among the variants choose none."""
        possible = list(target.table)
        said: list[str] = []
        for place, on in enumerate(target.by):
            raw = on.of(node)
            values = list(dict.fromkeys(key[place] for key in possible))
            if raw not in values:
                texts = [value for value in values if value is not None]
                self.wrong_choice(node, on, raw, texts, said)
                return
            possible = [key for key in possible if key[place] == raw]
            said.append(f"{on.xml}='{raw}'")

    def wrong_choice(self, node: _Element, on: Bound, raw: str | None, texts: list[str], said: list[str]) -> None:
        beside = f" with {' and '.join(said)}" if said else ""
        if raw is None:
            message = f"attribute '{on.xml}' is missing{beside}"
            self.report(node, message, expected=_quoted(texts))
        else:
            near = nearest(raw, texts)
            message = f"attribute '{on.xml}' cannot be {_shown(raw)}{beside or self.known_elsewhere(on, raw)}"
            self.report(node, message, at=f"/@{on.xml}", found=raw, expected=_quoted(texts), nearest=near)

    def whose(self, namespace: str) -> str:
        """Why nobody here knows a namespace."""
        package = PACKAGES.get(namespace)
        if package in self.unavailable:
            return f"belongs to {package}, which {self.unavailable[package].reason}"
        if package:
            return f"belongs to no installed driver; pip install {package} brings it"
        missing = [f"; {each.distribution} {each.reason}" for each in self.unavailable.values() if not each.elsewhere]
        return f"belongs to no installed driver{''.join(missing)}"

    @staticmethod
    def known_elsewhere(on: Bound, raw: str) -> str:
        return " here" if on.datatype is not None and on.datatype.accepts(raw) else ""


class _ElementWalk:
    """The faults of one element."""

    def __init__(self, walk: _Walk, node: _Element, spec: Spec) -> None:
        self.walk = walk
        self.node = node
        self.spec = spec
        self.seen = environment(spec, node)
        self.counts: dict[Bound, int] = {}
        self.unsure: set[Bound] = set()
        self.guessed: set[str] = set()

    def run(self) -> None:
        for name, raw in self.node.items():
            bound = self.spec.attributes.get(name)
            if bound is None:
                self.unknown_attribute(name)
            else:
                self.attribute(bound, raw)
        if self.spec.text is None:
            stray_text(self.walk, self.node)
        else:
            self.text(self.spec.text)
        surplus = self.surplus()
        for place, child in enumerate(self.node):
            self.child(child, place in surplus)
        self.missing()
        for rule in self.spec.rules:
            self.rule(rule)

    # -- attributes and text ----------------------------------------------------------------------

    def attribute(self, bound: Bound, raw: str) -> None:
        self.counts[bound] = 1
        at = f"/@{bound.xml}"
        if self.doubtful(bound):
            self.unsure.add(bound)
        elif not holds(bound, self.seen):
            self.unsure.add(bound)
            self.walk.report(
                self.node,
                f"attribute '{bound.xml}' is not allowed {self.beside(bound)}",
                at=at,
                found=raw,
                expected=wanted(bound),
            )
            return
        datatype = bound.datatype
        if datatype is not None and datatype.open and not datatype.accepts(raw):
            datatype = datatype.extended(words(self.walk.contributions))
        if datatype is not None and not datatype.accepts(raw):
            self.unsure.add(bound)
            wrong_value(self.walk, self.node, f"attribute '{bound.xml}'", datatype, raw, at)

    def unknown_attribute(self, name: str) -> None:
        allowed = [
            bound.xml
            for bound in self.spec.attributes.values()
            if bound.xml not in self.node.attrib and holds(bound, self.seen)
        ]
        near = nearest(name, allowed)
        if near is not None:
            self.guessed.add(near)
        tag = local(self.node.tag)
        message = f"unknown attribute '{name}'" if allowed else f"unknown attribute '{name}'; <{tag}> takes no other"
        self.walk.report(
            self.node, message, at=f"/@{name}", found=name, expected=_few(_quoted(allowed), near), nearest=near
        )

    def text(self, bound: Bound) -> None:
        text = self.node.text or ""
        if bound.datatype is None or bound.datatype.accepts(text) or (not bound.required and not text.strip(_SPACE)):
            return
        wrong_value(self.walk, self.node, f"<{local(self.node.tag)}>", bound.datatype, text)

    def doubtful(self, bound: Bound) -> bool:
        """Whether the field depends on an attribute that is wrong itself."""
        return any(on in self.unsure or self.invalid(on) for on in bound.discriminators)

    def invalid(self, on: Bound) -> bool:
        raw = self.node.get(on.xml)
        if raw is None:
            return on.minimum > 0 and holds(on, self.seen)
        return (on.datatype is not None and not on.datatype.accepts(raw)) or not holds(on, self.seen)

    def beside(self, bound: Bound) -> str:
        """The attribute values that rule a field out."""
        shown = []
        for on in bound.discriminators:
            allowed = bound.when.get(on)
            if allowed is None or self.seen[on] not in allowed:
                value = self.seen[on]
                shown.append(f"no '{on.xml}'" if value is None else f"{on.xml}='{value}'")
        return f"with {' and '.join(shown)}"

    # -- children -----------------------------------------------------------------------------------

    def surplus(self) -> set[int]:
        """Places of the children that are too many of their kind: those that look least like it, else the last."""
        places: dict[Bound, list[int]] = {}
        children = list(self.node)
        for place, child in enumerate(children):
            if (bound := self.spec.elements.get(child.tag)) is not None:
                places.setdefault(bound, []).append(place)
        found: set[int] = set()
        for bound, several in places.items():
            if len(several) > bound.maximum and holds(bound, self.seen) and not self.doubtful(bound):
                several.sort(key=partial(self.fitness, children, bound))
                found.update(several[bound.maximum :])
        return found

    def fitness(self, children: list[_Element], bound: Bound, place: int) -> tuple[int, int]:
        """Few faults within a child first, then the order of the document."""
        return (self.tried(children[place], bound), place)

    def tried(self, child: _Element, bound: Bound) -> int:
        """How many faults a child has within it."""
        kept, self.walk.faults = self.walk.faults, []
        try:
            self.inside(child, bound)
        except _Enough:
            pass
        finally:
            count, self.walk.faults = len(self.walk.faults), kept
        return count

    def child(self, child: _Element, surplus: bool) -> None:
        bound = self.spec.elements.get(child.tag)
        if bound is None:
            self.no_field(child)
            return
        self.counts[bound] = self.counts.get(bound, 0) + 1
        if self.doubtful(bound):
            return
        if not holds(bound, self.seen):
            message = f"<{local(child.tag)}> is not allowed {self.beside(bound)}"
            self.walk.report(child, message, found=local(child.tag), expected=wanted(bound))
            return
        if surplus:
            times = "once" if bound.maximum == 1 else f"{bound.maximum} times"
            message = f"duplicate <{local(child.tag)}>: it may stand only {times}"
            self.walk.report(child, message, found=local(child.tag))
        else:
            self.inside(child, bound)

    def inside(self, child: _Element, bound: Bound) -> None:
        if bound.kind in (f.CHILD, f.CHILDREN):
            self.nested(child, bound)
        else:
            simple(self.walk, child, bound)

    def nested(self, child: _Element, bound: Bound) -> None:
        possible = targets(bound, self.seen)
        target = next((target for target in possible if target.tag == child.tag), None)
        if target is not None:
            self.walk.target(child, target)
        else:
            shown = " and ".join(f"{on.xml}='{self.seen[on]}'" for on in bound.by)
            names = [f"<{local(target.tag)}>" for target in possible]
            self.walk.report(
                child, f"<{local(child.tag)}> is not allowed with {shown}", found=local(child.tag), expected=names
            )

    def no_field(self, child: _Element) -> None:
        """A child that no field of this element stands for."""
        contributed = self.spec.extensions and self.walk.extensions.get((self.spec.declaration.tag, child.tag))
        if not contributed:
            self.unknown_element(child)
            return
        if any(sibling.tag == child.tag for sibling in child.itersiblings(preceding=True)):
            self.walk.report(child, f"duplicate <{shown_name(child)}>: it may stand only once", found=local(child.tag))
        self.walk.target(child, Target(child.tag, (contributed,)))

    def unknown_element(self, child: _Element) -> None:
        tag, here = local(child.tag), local(self.node.tag)
        allowed = [
            tag
            for bound in self.spec.fields
            if bound.is_element and holds(bound, self.seen) and self.counts.get(bound, 0) < bound.maximum
            for tag in bound.tags
        ]
        if owner := namespace(child.tag):
            self.foreign(child, owner, child.tag in self.walk.places.parents)
            return
        near = nearest(tag, [local(name) for name in allowed])
        parents = self.walk.places.belongs(child)
        if parents and (near is None or not nearest(tag, [near], 0.8)):
            homes = " or ".join(f"<{parent}>" for parent in parents)
            message = f"<{tag}> belongs in {homes}, not in <{here}>"
            self.walk.report(child, message, found=tag, expected=_few([f"<{local(name)}>" for name in allowed], None))
            self.walk.astray.setdefault(tag, []).append(self.walk.faults[-1])
            return
        if near is not None:
            self.guessed.add(near)
        other = "other " if self.spec.elements else ""
        message = (
            f"unknown element <{tag}>" if allowed else f"unknown element <{tag}>; <{here}> takes no {other}elements"
        )
        names = [f"<{local(name)}>" for name in allowed]
        self.walk.report(child, message, found=tag, expected=_few(names, near and f"<{near}>"), nearest=near)

    def foreign(self, child: _Element, owner: str, known: bool) -> None:
        tag = local(child.tag)
        if known:
            message = f"<{shown_name(child)}> does not belong in <{local(self.node.tag)}>"
        elif any(namespace(name) == owner for name in self.walk.places.parents):
            names = [local(name) for name in self.walk.places.parents if namespace(name) == owner]
            self.walk.report(
                child, f"unknown element <{shown_name(child)}>", found=tag, nearest=nearest(tag, names), expected=names
            )
            return
        else:
            message = f"namespace {owner!r} of <{tag}> {self.walk.whose(owner)}"
        self.walk.report(child, message, found=tag)

    # -- what is not there ------------------------------------------------------------------------------

    def missing(self) -> None:
        ruled = {bound for rule in self.spec.rules for bound in self.spec.ruled(rule)}
        for bound in self.spec.fields:
            count = self.counts.get(bound, 0)
            if bound.kind == f.TEXT or count >= bound.minimum or (bound in ruled and count == 0):
                continue
            if not self.doubtful(bound) and holds(bound, self.seen):
                self.absent(bound)

    def absent(self, bound: Bound) -> None:
        if bound.kind == f.ATTRIBUTE:
            if bound.xml not in self.guessed:
                described = () if bound.datatype is None or bound.datatype.any_text else (bound.datatype.describe,)
                self.walk.report(self.node, f"attribute '{bound.xml}' is missing", expected=described)
        elif not {local(tag) for tag in self.tags(bound)} & self.guessed:
            names = " or ".join(f"<{local(tag)}>" for tag in self.tags(bound))
            often = f" ({bound.minimum} are needed)" if bound.minimum > 1 else ""
            self.walk.report(self.node, f"{names} is missing from <{local(self.node.tag)}>{often}", expected=(names,))
            for tag in self.tags(bound):
                self.walk.missing.setdefault(local(tag), []).append(self.walk.faults[-1])

    def tags(self, bound: Bound) -> list[str]:
        return [target.tag for target in targets(bound, self.seen)] or list(bound.tags)

    def rule(self, rule: f.Rule) -> None:
        bounds = self.spec.ruled(rule)
        if any(self.doubtful(bound) for bound in bounds):
            return
        if isinstance(rule, f.Together):
            self.together([bound for bound in bounds if holds(bound, self.seen)])
        else:
            entries = [[self.spec.by_name[name] for name in entry] for entry in rule.entries]
            self.one_of([[bound for bound in entry if holds(bound, self.seen)] for entry in entries], rule.required)

    def together(self, bounds: list[Bound]) -> None:
        there = [bound for bound in bounds if self.counts.get(bound)]
        absent = [bound for bound in bounds if not self.counts.get(bound) and not self.guess_covers(bound)]
        if there and absent:
            names = _and(_name(bound) for bound in absent)
            verb = "is" if len(absent) == 1 else "are"
            message = f"{names} {verb} missing: {_and(_name(bound) for bound in there)} needs it beside it"
            self.walk.report(self.node, message, expected=[_name(bound) for bound in absent])

    def one_of(self, entries: list[list[Bound]], required: bool) -> None:
        chosen = [entry for entry in entries if any(self.counts.get(bound) for bound in entry)]
        if len(chosen) > 1:
            rivals = [next(bound for bound in entry if self.counts.get(bound)) for entry in chosen]
            self.walk.report(
                self.node, f"{_and(_name(bound) for bound in rivals)} exclude one another", found=_name(rivals[1])
            )
        elif not chosen and required and any(entries) and not any(self.guess_covers(b) for e in entries for b in e):
            names = [_name(entry[0]) for entry in entries if entry]
            self.walk.report(self.node, f"<{local(self.node.tag)}> needs {_or(names)}", expected=names)
        for entry in chosen if len(chosen) == 1 else ():
            for bound in entry:
                if bound.minimum and not self.counts.get(bound):
                    self.absent(bound)

    def guess_covers(self, bound: Bound) -> bool:
        return any(local(tag) in self.guessed for tag in (bound.tags or (bound.xml,)))


def simple(walk: _Walk, node: _Element, bound: Bound) -> None:
    """The faults of an element that holds a text, nothing, or anybody's XML."""
    tag = local(node.tag)
    for name in node.attrib:
        walk.report(node, f"unknown attribute '{name}'; <{tag}> takes none", at=f"/@{name}", found=str(name))
    if bound.kind == f.RAW:
        stray_text(walk, node)
        return
    for child in node:
        parents = walk.places.belongs(child)
        homes = f"; it belongs in {_or([f'<{parent}>' for parent in parents])}" if parents else ""
        walk.report(child, f"<{local(child.tag)}> is not allowed in <{tag}>{homes}", found=local(child.tag))
        walk.astray.setdefault(local(child.tag), []).append(walk.faults[-1])
    if bound.kind == f.FLAG or bound.datatype is None:
        stray_text(walk, node)
        return
    text = node.text or ""
    if not bound.datatype.accepts(text) and not len(node):
        wrong_value(walk, node, f"<{tag}>", bound.datatype, text)


def stray_text(walk: _Walk, node: _Element) -> None:
    """Text where only elements may stand."""
    line = node.sourceline
    for before, text in ((None, node.text), *((child, child.tail) for child in node)):
        if not text or not (found := text.strip(_SPACE)):
            continue
        if before is not None:
            line = last_line(before)
        walk.report(node, f"text {_shown(found)} is not allowed in <{local(node.tag)}>", found=found[:200])
        walk.faults[-1].line = line and line + text[: text.index(found[0])].count("\n")


def last_line(node: _Element) -> int | None:
    """The line of an element's end tag, as far as its contents tell."""
    line: int | None = node.sourceline
    text: str | None = node.text
    if len(node):
        line, text = last_line(node[-1]), node[-1].tail
    return line and line + (text or "").count("\n")


def wrong_value(walk: _Walk, node: _Element, what: str, datatype: Datatype, raw: str, at: str = "") -> None:
    values = datatype.values()
    near = nearest(raw, values) if values else None
    said = "is empty" if not raw.strip(_SPACE) else f"cannot be {_shown(raw)}"
    expected = _quoted(values) if values and datatype.listed and len(values) <= 16 else (datatype.describe,)
    if near is None and len(values) > 16:
        expected = (*_quoted(values[:8]), "...")
    walk.report(node, f"{what} {said}", at=at, found=raw[:200], expected=expected, nearest=near)


def wanted(bound: Bound) -> list[str]:
    """The attribute values beside which a field may stand."""
    found = [
        _or([f"{on.xml}='{value}'" if value is not None else f"no '{on.xml}'" for value in sorted(values, key=str)])
        for on, values in bound.when.items()
    ]
    if bound.by:
        found += [
            " and ".join(f"{on.xml}='{value}'" for on, value in zip(bound.by, key, strict=True)) for key in bound.cases
        ]
    return found


def path_of(node: _Element) -> str:
    """An XPath to the node, with an index where siblings share its tag."""
    steps: list[str] = []
    here: _Element | None = node
    while here is not None:
        steps.append(shown_name(here) + _index(here))
        here = here.getparent()
    return "/" + "/".join(reversed(steps))


def _index(node: _Element) -> str:
    before = sum(1 for _ in node.itersiblings(node.tag, preceding=True))
    if before == 0 and next(node.itersiblings(node.tag), None) is None:
        return ""
    return f"[{before + 1}]"


def shown_name(node: _Element) -> str:
    return f"{node.prefix}:{local(node.tag)}" if node.prefix else local(node.tag)


def local(tag: str) -> str:
    return tag.rpartition("}")[2]


def namespace(tag: str) -> str:
    return tag.rpartition("}")[0][1:]


def _name(bound: Bound) -> str:
    return f"'{bound.xml}'" if bound.kind == f.ATTRIBUTE else f"<{local(bound.xml)}>"


def _shown(text: str) -> str:
    flat = " ".join(text.split())
    return f"'{flat if len(flat) <= 60 else flat[:57] + '...'}'"


def _quoted(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(f"'{text}'" for text in texts)


def _few(names: Iterable[str], near: str | None) -> tuple[str, ...]:
    every = tuple(dict.fromkeys(names))
    return every if len(every) <= 10 else (*every[:9], "...")


def _and(names: Iterable[str]) -> str:
    return " and ".join(names)


def _or(names: Iterable[str]) -> str:
    return listing(names, "or")
