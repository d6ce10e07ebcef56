"""When a guest starts among those that start with their host."""

from __future__ import annotations

import pytest

from polyvisor.errors import InvalidArgument, InvalidDocument
from polyvisor.operations.startplace import NAMESPACE, StartPlace, read_start_place


@pytest.mark.parametrize(
    "place", [StartPlace(), StartPlace(-3), StartPlace(7, 0), StartPlace(1, 2.5), StartPlace(1, 86400.25)]
)
def test_what_is_written_is_read(place: StartPlace) -> None:
    assert read_start_place(place.xml) == place


@pytest.mark.parametrize(
    "xml",
    [
        f"<start xmlns='{NAMESPACE}' order='soon'/>",
        f"<start xmlns='{NAMESPACE}' delay='-1'/>",
        f"<start xmlns='{NAMESPACE}' delay='nan'/>",
        f"<stop xmlns='{NAMESPACE}'/>",
        "<start/>",
    ],
)
def test_what_says_nothing_is_refused(xml: str) -> None:
    with pytest.raises(InvalidDocument, match="does not say when"):
        read_start_place(xml)


@pytest.mark.parametrize("delay", [-1, float("inf"), float("nan")])
def test_no_delay_is_endless_or_in_the_past(delay: float) -> None:
    with pytest.raises(InvalidArgument):
        StartPlace(0, delay)
