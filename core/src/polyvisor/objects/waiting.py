"""Waiting for a domain to reach a state."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from polyvisor.errors import NoSuchDomain, OperationTimeout
from polyvisor.operations.records import DomainState

if TYPE_CHECKING:
    from polyvisor.objects.domain import Domain


def wait_for_state(domain: Domain, states: Sequence[DomainState], timeout: float) -> DomainState:
    """Wait until ``domain`` is in one of ``states``; a transient domain that is gone counts as shut off."""
    deadline = time.monotonic() + timeout
    pause = 0.005
    with domain.events() as events:
        while True:
            try:
                state = domain.state().state
            except NoSuchDomain:
                if DomainState.SHUT_OFF in states:
                    return DomainState.SHUT_OFF
                raise
            if state in states:
                return state
            left = deadline - time.monotonic()
            if left <= 0:
                wanted = " or ".join(state.value for state in states)
                raise OperationTimeout(
                    f"domain {domain.name!r} is {state.value} and did not get {wanted} within {timeout:g} s",
                    target=str(domain.ref),
                )
            events.get(timeout=min(pause, left))
            pause = min(pause * 2, 0.5)
