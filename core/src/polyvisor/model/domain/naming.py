"""What a domain may be called."""

from __future__ import annotations

import re
from typing import Any

from polyvisor.errors import InvalidArgument
from polyvisor.model.domain.scalars import DOMAIN_NAME

_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
"""Characters that XML cannot say, not even as references (XML 1.0, production 2)."""


def name_fault(name: str) -> str | None:
    """Why no domain can have that name, None if one can."""
    if "/" in name:
        return f"the name {name!r} contains '/', which no name may"
    if not name.strip():
        return "the name is blank"
    if _UNWRITABLE.search(name):
        return f"the name {name!r} contains a character that no document can hold"
    return None if DOMAIN_NAME.accepts(name) else f"the name {name!r} is not {DOMAIN_NAME.describe}"


def require_name(name: Any) -> None:
    """Raise InvalidArgument for what is no name of a domain."""
    fault = name_fault(name) if isinstance(name, str) else f"the name of a domain is text, not {type(name).__name__}"
    if fault is not None:
        raise InvalidArgument(fault, hint="a name is one line without '/'")
