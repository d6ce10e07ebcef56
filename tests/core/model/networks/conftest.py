"""Documents of networks and what belongs to them, each written as the product writes it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.xml"))


class Sample(NamedTuple):
    """A document of a kind."""

    kind: str
    xml: str


def read(path: Path) -> Sample:
    return Sample(path.stem.partition("-")[0], path.read_text())


@pytest.fixture(params=SAMPLES, ids=lambda path: path.stem)
def document(request: pytest.FixtureRequest) -> Sample:
    """A valid, complete document; together they have all of the vocabulary."""
    return read(request.param)


@pytest.fixture(scope="session")
def documents() -> list[Sample]:
    """All of them."""
    return [read(path) for path in SAMPLES]
