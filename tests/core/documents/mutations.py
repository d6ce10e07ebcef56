"""Small damages to a document, drawn by hypothesis so that a failure shrinks to the smallest one."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import strategies as st
from lxml import etree

TEXTS = (
    *(
        "",
        " ",
        "0",
        "4",
        "-1",
        "+5",
        "  5 ",
        "4.5",
        "300",
        "99999999999999999999",
        "0x0f",
        "0x",
        "yes",
        "off",
        "ü",
        "a b",
    ),
    *("a", "b", "c", "x", "y", "hand", "motor", "slow", "fast", "one", "two", "matt", "shiny", "auto", "book", "disc"),
    *(
        "map",
        "scroll",
        "shelf",
        "drawer",
        "cellar",
        "child",
        "adult",
        " hard",
        "hard\n",
        "round",
        "square",
        "big",
        "33",
    ),
)

Damage = tuple[str, int, int, int]
OPERATIONS = (
    "rename", "remove", "add", "set attribute", "delete attribute", "change attribute", "change text", "change tail",
    "move", "repeat",
)  # fmt: skip

damages: st.SearchStrategy[list[Damage]] = st.lists(
    st.tuples(st.sampled_from(OPERATIONS), *(st.integers(0, 10_000) for _ in range(3))), min_size=1, max_size=3
)


class Damager:
    """Applies damages to one document, with the names that occur in it."""

    def __init__(self, xml: str) -> None:
        self.tree = etree.fromstring(xml)
        nodes = list(self.tree.iter(etree.Element))
        self.tags = sorted({node.tag for node in nodes if "{" not in node.tag} | {"nonsense"})
        self.names = sorted({name for node in nodes for name in node.attrib} | {"nonsense"})

    def __call__(self, steps: list[Damage]) -> str:
        root = deepcopy(self.tree)
        for operation, first, second, third in steps:
            nodes = list(root.iter(etree.Element))
            node = nodes[first % len(nodes)]
            self._apply(operation, node, nodes[second % len(nodes)], second, third)
        return str(etree.tostring(root, encoding="unicode"))

    def _apply(self, operation: str, node: Any, other: Any, second: int, third: int) -> None:
        text, parent = TEXTS[third % len(TEXTS)], node.getparent()
        names = list(node.attrib)
        if operation == "rename":
            node.tag = self.tags[second % len(self.tags)]
        elif operation == "add":
            etree.SubElement(node, self.tags[second % len(self.tags)]).text = text
        elif operation == "set attribute":
            node.set(self.names[second % len(self.names)], text)
        elif operation == "delete attribute" and names:
            del node.attrib[names[second % len(names)]]
        elif operation == "change attribute" and names:
            node.set(names[second % len(names)], text)
        elif operation == "change text":
            node.text = text
        elif parent is None:
            return
        elif operation == "remove":
            parent.remove(node)
        elif operation == "change tail":
            node.tail = text
        elif operation == "repeat":
            parent.insert(second % (len(parent) + 1), deepcopy(node))
        elif operation == "move" and other is not node and node not in other.iterancestors():
            other.insert(third % (len(other) + 1), node)
