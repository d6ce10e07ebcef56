"""Refusing, before it is stored, what a document asks and containers cannot do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from polyvisor_lxc import live, translation

if TYPE_CHECKING:
    from polyvisor.model.domain import Domain
    from polyvisor_lxc.session import LxcSession


def check(session: LxcSession, config: Domain) -> None:
    """Raise UnsupportedConfiguration for what a completed document asks and this driver cannot do, naming it.

    Whether what it names exists on the host is another question, asked when the container is started."""
    place = translation.Place(
        hierarchies=session.hierarchies, ids=(100_000, 65536), namespace=lambda kind, name: "1", seccomp="policy"
    )
    translation.compose(live.instance(config, 0), place)
