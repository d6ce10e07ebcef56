"""What the screen of a simulated guest shows: stripes in colours of its own."""

from __future__ import annotations

from zlib import crc32

WIDTH, HEIGHT = 64, 48


def draw(name: str, screen: int) -> bytes:
    """A portable pixmap (``P6``), the same for the same guest every time."""
    seed = crc32(f"{name}\0{screen}".encode())
    red, green, blue = seed & 0xFF, seed >> 8 & 0xFF, seed >> 16 & 0xFF
    row = b"".join(bytes((red ^ x * 4 & 0xFF, green, blue)) for x in range(WIDTH))
    return b"P6\n%d %d\n255\n" % (WIDTH, HEIGHT) + row * HEIGHT
