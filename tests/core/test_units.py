"""Sizes and their units."""

from __future__ import annotations

import pytest

from polyvisor.errors import InvalidArgument
from polyvisor.units import GiB, KiB, MiB, Size, TiB, format_size, parse_size, scaled


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("512", 512),
        ("4 KiB", 4096),
        ("4k", 4096),
        ("4KB", 4000),
        ("1.5 GiB", 3 * 2**29),
        ("2TB", 2 * 10**12),
        ("0.1 KiB", 103),
        ("7 bytes", 7),
    ],
)
def test_sizes_are_read_with_every_unit_and_rounded_up(text, size):
    assert parse_size(text) == size


def test_a_bare_number_counts_the_unit_that_is_said():
    assert parse_size("2", unit="MiB") == MiB(2)


@pytest.mark.parametrize("text", ["", "two", "1,5 GiB", "-1 KiB", "5 gigs"])
def test_what_is_no_size_is_refused(text):
    with pytest.raises(InvalidArgument):
        parse_size(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 bytes"), (1023, "1023 bytes"), (2048, "2 KiB"), (3 * 2**29, "1.5 GiB"), (TiB(2), "2 TiB")],
)
def test_sizes_are_printed_in_the_largest_unit(size, text):
    assert format_size(size) == text


def test_a_guest_never_gets_less_than_was_asked_for():
    assert Size(1025).kib == 2
    assert scaled(1, "KB") == 1000
    assert KiB(1) * 1024 == MiB(1) == GiB(1) / 1024
