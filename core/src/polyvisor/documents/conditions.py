"""Which fields may stand beside which attribute values: ``when`` and ``by`` worked out for the grammars.

Fields that depend on attributes, together with those attributes, form a :class:`Component`; what one component allows
does not depend on another. A component is a list of :class:`Case`: for these values of the attributes, these fields.
Between them the cases cover every combination of values exactly once.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import product

from polyvisor.documents.binding import Bound, Key, Spec, Target, family_of, keys_of

OTHER = "\0other"
"""Stands for every value that no condition mentions."""

Values = frozenset[str | None]
Allowed = tuple[tuple[Bound, tuple[Target, ...]], ...]
"""Fields that may stand, each with what it may be (empty for what is no child)."""


class Case:
    """For each of ``attributes``, in one of its ``values``, the ``allowed`` fields may stand beside it."""

    __slots__ = ("allowed", "values")

    def __init__(self, values: dict[Bound, Values], allowed: Allowed) -> None:
        self.values = values
        self.allowed = allowed


class Component:
    """Attributes that decide together, and all that they decide."""

    __slots__ = ("cases", "deciding", "fields")

    def __init__(self, deciding: tuple[Bound, ...], fields: tuple[Bound, ...], cases: list[Case]) -> None:
        self.deciding = deciding
        self.fields = fields
        self.cases = cases

    @property
    def members(self) -> frozenset[Bound]:
        return frozenset((*self.deciding, *self.fields))


def environment(spec: Spec, node: Mapping[str, str]) -> dict[Bound, str | None]:
    """The values that the conditions of an element see: None for an attribute that may not stand there."""
    seen: dict[Bound, str | None] = {}
    for bound in spec.attributes.values():
        _see(bound, node, seen)
    return seen


def _see(bound: Bound, node: Mapping[str, str], seen: dict[Bound, str | None]) -> str | None:
    if bound not in seen:
        seen[bound] = None
        holds = all(_see(on, node, seen) in values for on, values in bound.when.items())
        seen[bound] = bound.of(node) if holds else None
    return seen[bound]


def holds(bound: Bound, seen: Mapping[Bound, str | None]) -> bool:
    """Whether the field may stand."""
    return all(seen[on] in values for on, values in bound.when.items()) and (
        not bound.by or tuple([seen[on] for on in bound.by]) in bound.cases
    )


def targets(bound: Bound, seen: Mapping[Bound, str | None]) -> tuple[Target, ...]:
    """What a child field may be."""
    return bound.cases.get(tuple([seen[on] for on in bound.by]), ()) if bound.by else bound.targets


def components(spec: Spec, keys: tuple[Key, ...] = (), by: tuple[Bound, ...] = ()) -> list[Component]:
    """The components of a class; ``keys`` are the values of ``by`` that a variant is restricted to."""
    deciders = {on for bound in spec.fields for on in bound.discriminators} | set(by)
    found = []
    for group in _groups(spec, by):
        deciding = tuple(bound for bound in spec.fields if bound in group and bound in deciders)
        decided = tuple(bound for bound in spec.fields if bound in group and bound not in deciders)
        restricted = (keys, by) if by and set(by) <= group else ((), ())
        found.append(Component(deciding, decided, list(_cases(spec, deciding, decided, *restricted))))
    return found


def _groups(spec: Spec, by: tuple[Bound, ...]) -> list[set[Bound]]:
    """The fields that conditions, or rules over conditional fields, tie together."""
    ties = [{bound, *bound.discriminators} for bound in spec.fields if bound.discriminators]
    conditional = {bound for tie in ties for bound in tie}
    ties += [bounds for rule in spec.rules if (bounds := set(spec.ruled(rule))) & conditional]
    groups: list[set[Bound]] = [set(by)] if by else []
    for tie in ties:
        for group in [group for group in groups if group & tie]:
            groups.remove(group)
            tie = tie | group
        groups.append(tie)
    return groups


def _cases(
    spec: Spec, deciding: tuple[Bound, ...], decided: tuple[Bound, ...], keys: tuple[Key, ...], by: tuple[Bound, ...]
) -> Iterator[Case]:
    by_signature: dict[tuple[object, ...], tuple[Allowed, list[Key]]] = {}
    for values in product(*(domain(spec, bound) for bound in deciding)):
        seen = dict(zip(deciding, values, strict=True))
        if keys and tuple([seen[on] for on in by]) not in keys:
            continue
        forbidden = [bound for bound in deciding if not holds(bound, seen)]
        if any(
            (seen[bound] is None) != (bound in forbidden)
            for bound in deciding
            if bound in forbidden or not _optional(bound)
        ):
            continue
        allowed = tuple((bound, targets(bound, seen)) for bound in decided if holds(bound, seen))
        signature = (
            tuple(forbidden),
            tuple((bound, tuple((target.tag, target.classes) for target in chosen)) for bound, chosen in allowed),
        )
        by_signature.setdefault(signature, (allowed, []))[1].append(values)
    for allowed, combinations in by_signature.values():
        for box in _boxes(combinations):
            yield Case(dict(zip(deciding, box, strict=True)), allowed)


def domain(spec: Spec, bound: Bound) -> tuple[str | None, ...]:
    """Every value of a deciding attribute that makes a difference; None when it can be absent and implies nothing."""
    texts: dict[str | None, None] = dict.fromkeys(bound.datatype.values()) if bound.datatype is not None else {}
    if bound.datatype is None or not bound.datatype.listed:
        mentioned = [value for other in spec.fields for value in other.when.get(bound, ())]
        for other in spec.fields:
            if bound in other.by:
                mentioned += [key[other.by.index(bound)] for key in other.cases]
        mentioned += _family_values(spec, bound)
        texts.update(dict.fromkeys(sorted(value for value in mentioned if value is not None)))
        texts[OTHER] = None
    if bound.when or _optional(bound):
        texts[None] = None
    return tuple(texts)


def _family_values(spec: Spec, bound: Bound) -> list[str | None]:
    """The values of a discriminating attribute that choose among the variants."""
    family = family_of(spec.cls)
    if family is None or bound.attr not in family.declaration.by:
        return []
    place = family.declaration.by.index(bound.attr)
    return [key[place] for variant in family.declaration.variants for key in keys_of(variant)]


def _optional(bound: Bound) -> bool:
    """Whether absence is a value of its own."""
    return bound.default is None and not bound.required


def _boxes(combinations: list[Key]) -> list[tuple[Values, ...]]:
    """Few products of value sets that together are exactly the combinations."""
    if len(combinations[0]) == 1:
        return [(frozenset(values[0] for values in combinations),)]
    rests: dict[str | None, list[Key]] = {}
    for first, *rest in combinations:
        rests.setdefault(first, []).append(tuple(rest))
    alike: dict[frozenset[Key], list[str | None]] = {}
    for first, tails in rests.items():
        alike.setdefault(frozenset(tails), []).append(first)
    return [(frozenset(firsts), *box) for firsts in alike.values() for box in _boxes(rests[firsts[0]])]
