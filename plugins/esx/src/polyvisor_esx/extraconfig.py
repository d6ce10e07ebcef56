"""Keys and values that hang on a guest in VMware's configuration (``config.extraConfig``) and are ours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

TITLE = "polyvisor.title"
METADATA = "polyvisor.metadata"
"""The title, and the custom XML as JSON ``{namespace: element}``: VMware has a place for neither."""

ALIASES = "polyvisor.aliases"
"""Names that users gave disks and cards, as JSON ``{target or address: name}``."""

SUSPENDED = "polyvisor.suspended"
"""What the suspension of a guest means: VMware has one for pausing, saving and sleeping. See
:data:`polyvisor_esx.guests.SUSPENDED`."""


def values(options: Iterable[Any] | None) -> dict[str, str]:
    """What is set, by key. Of several values of a key the last counts; an empty one means that it is not set."""
    found = {each.key: str(each.value) for each in options or ()}
    return {key: value for key, value in found.items() if value}


def options(settings: Mapping[str, str | None]) -> list[Any]:
    """The same for a specification of a change; None takes a key away."""
    from pyVmomi import vim

    return [vim.option.OptionValue(key=key, value=value or "") for key, value in settings.items()]
