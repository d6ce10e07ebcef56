"""Points in time as vSphere's answers have them: XML Schema's dateTime."""

from __future__ import annotations

from datetime import UTC, datetime

from polyvisor.errors import InvalidArgument


def seconds(text: str) -> int:
    """Whole seconds since 1970 for ``2010-04-08T05:45:11-07:00``; UTC when no zone is named."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidArgument(f"{text!r} is no date and time") from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
