"""When a guest starts among those that start with their host: in which order, and with how long a pause after it.

It is part of the guest's document, as metadata of a namespace of our own, so every driver that keeps metadata has it,
and it goes wherever the document goes::

    <metadata>
      <boot:start xmlns:boot="urn:polyvisor:boot:1" order="10" delay="5"/>
    </metadata>

Guests of a lower order start first, those of the same order by name; a guest that does not say has order 0. It is what
liblxc calls ``lxc.start.order`` and ``lxc.start.delay`` (lxc.container.conf(5)).
"""

from __future__ import annotations

from dataclasses import dataclass

from polyvisor.errors import InvalidArgument, InvalidDocument

NAMESPACE = "urn:polyvisor:boot:1"
"""The namespace of the metadata."""

PREFIX = "boot"
"""The prefix that it is written with."""


@dataclass(frozen=True, slots=True)
class StartPlace:
    """Where a guest stands among those that start with the host.

    :param order: any whole number; the lower start first.
    :param delay: seconds to wait after it was started before the next one is; None leaves that to who starts them.
    """

    order: int = 0
    delay: float | None = None

    def __post_init__(self) -> None:
        if self.delay is not None and not 0 <= self.delay < float("inf"):
            raise InvalidArgument(f"a delay of {self.delay} seconds cannot be waited for", hint="write 0 or more")

    @property
    def xml(self) -> str:
        """The metadata."""
        delay = "" if self.delay is None else f' delay="{str(float(self.delay)).removesuffix(".0")}"'
        return f'<{PREFIX}:start xmlns:{PREFIX}="{NAMESPACE}" order="{self.order}"{delay}/>'


def read_start_place(xml: str) -> StartPlace:
    """What the metadata says. Raises InvalidDocument for what is no such."""
    from polyvisor.documents.parsing import parse

    root = parse(xml)
    try:
        if root.tag != f"{{{NAMESPACE}}}start":
            raise ValueError(f"it is <{root.tag}>")
        delay = root.get("delay")
        return StartPlace(int(root.get("order", "0")), None if delay is None else float(delay))
    except (ValueError, InvalidArgument) as error:
        raise InvalidDocument(
            f"the metadata of namespace {NAMESPACE} does not say when a guest starts: {error}",
            hint="it is <start order='WHOLE NUMBER' delay='SECONDS'/>",
        ) from None
