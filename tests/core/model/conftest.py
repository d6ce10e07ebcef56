"""Documents that the tests of the model share."""

from __future__ import annotations

from pathlib import Path

import pytest

HERE = Path(__file__).parent
SAMPLES = sorted((HERE / "samples").glob("*.xml"))


@pytest.fixture(params=SAMPLES, ids=lambda path: path.stem)
def sample(request: pytest.FixtureRequest) -> bytes:
    """A valid domain document; together they have most of the vocabulary."""
    path: Path = request.param
    return path.read_bytes()


@pytest.fixture
def server() -> bytes:
    """The document of a running server with one of nearly everything."""
    return (HERE / "samples" / "server.xml").read_bytes()
