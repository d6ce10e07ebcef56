"""Documents that the tests of the model share."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

HERE = Path(__file__).parent
SAMPLES = sorted((HERE / "samples").glob("*.xml"))
OF_OTHER_KINDS = sorted(HERE.glob("*/samples/*.xml"))


class Sample(NamedTuple):
    """A document of a kind, written as the product writes it."""

    kind: str
    xml: str


def read(path: Path) -> Sample:
    return Sample(path.stem.partition("-")[0], path.read_text())


@pytest.fixture(params=OF_OTHER_KINDS, ids=lambda path: path.stem)
def document(request: pytest.FixtureRequest) -> Sample:
    """A valid, complete document that is no domain; together they have nearly all of the vocabulary."""
    return read(request.param)


@pytest.fixture(scope="session")
def documents() -> list[Sample]:
    """All of them."""
    return [read(path) for path in OF_OTHER_KINDS]


@pytest.fixture(params=SAMPLES, ids=lambda path: path.stem)
def sample(request: pytest.FixtureRequest) -> bytes:
    """A valid domain document; together they have most of the vocabulary."""
    path: Path = request.param
    return path.read_bytes()


@pytest.fixture
def server() -> bytes:
    """The document of a running server with one of nearly everything."""
    return (HERE / "samples" / "server.xml").read_bytes()
