"""For every test of the workspace."""

from __future__ import annotations

from hypothesis import settings

# How long an example takes says more of the machine than of what is tested.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
