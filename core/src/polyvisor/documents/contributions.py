"""What packages bring to documents: element classes, further words of an attribute, or the news that they cannot.

A driver names its contributions by the hook ``document_classes``, a package by an entry point of the group
``polyvisor.documents`` (:mod:`polyvisor.documents.owners`). Whatever reads a document takes them as ``contributions=``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from polyvisor.documents.classes import Element


@dataclass(frozen=True, slots=True)
class Word:
    """One more text that an open datatype accepts; made by :meth:`Datatype.word`, as in ``DOMAIN_TYPE.word("acme")``.

    :param datatype: name of the open datatype.
    :param text: the word, as it stands in documents."""

    datatype: str
    text: str


@dataclass(frozen=True, slots=True)
class Unavailable:
    """An installed package that brings nothing now.

    :param distribution: its name.
    :param reason: why, to follow its name: ``is blocked by configuration``.
    :param elsewhere: whether that is as it should be, for what it brings is for other connections."""

    distribution: str
    reason: str
    elsewhere: bool = False


Contribution: TypeAlias = type[Element] | Word | Unavailable


def classes(contributions: Iterable[Contribution]) -> tuple[type[Element], ...]:
    """The element classes among contributions; TypeError for one that does not say which element it extends."""
    found = tuple(each for each in contributions if isinstance(each, type))
    for cls in found:
        if not cls.declaration.extends:
            raise TypeError(f"{cls.__qualname__} is contributed to documents, so its @element needs extends='TAG'")
    return found


def words(contributions: Iterable[Contribution]) -> dict[str, tuple[str, ...]]:
    """The words among contributions: name of an open datatype -> its further texts."""
    found: dict[str, dict[str, None]] = {}
    for each in contributions:
        if isinstance(each, Word):
            found.setdefault(each.datatype, {})[each.text] = None
    return {name: tuple(texts) for name, texts in found.items()}
