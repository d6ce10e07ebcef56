"""The grammar of an element with many optional attributes is judged at once, by any user of libxml2."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from polyvisor import documents
from polyvisor.documents import Element, attribute, element
from polyvisor.documents import datatypes as dt

NAMES = [f"a{number}" for number in range(60)]
SECONDS = 60
"""To validate one element; if every subset of sixty attributes were tried it would be a year."""

VALIDATE = """
import sys
from lxml import etree
grammar = etree.RelaxNG(etree.parse(sys.argv[1]))
print([grammar.validate(etree.fromstring(xml)) for xml in sys.argv[2:]])
"""


@element("many")
class Many(Element):
    """An element with sixty optional attributes and a conditional one."""

    mode: str | None = attribute(dt.NAME)
    locals().update({name: attribute(dt.UINT8) for name in NAMES})
    __annotations__.update(dict.fromkeys(NAMES, "int | None"))
    late: int | None = attribute(dt.UINT8, when={"mode": "slow"})


def test_every_subset_of_the_attributes_is_judged_at_once(tmp_path: Path) -> None:
    (tmp_path / "many.rng").write_bytes(documents.relaxng(Many))
    every = " ".join(f"{name}='1'" for name in NAMES)
    judged = {
        f"<many {every}/>": True,
        f"<many {every} mode='slow' late='2'/>": True,
        f"<many {every} mode='fast' late='2'/>": False,
        f"<many {every} more='1'/>": False,
        f"<many {every.replace('a9=', 'b9=')}/>": False,
        f"<many {every.replace('1', '256', 1)}/>": False,
        f"<many {every}><child/></many>": False,
        "<many a3='1'/>": True,
        "<many/>": True,
    }
    run = subprocess.run(
        [sys.executable, "-c", VALIDATE, str(tmp_path / "many.rng"), *judged],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    assert run.stdout.strip() == str(list(judged.values()))
