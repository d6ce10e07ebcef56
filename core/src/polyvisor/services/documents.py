"""Documents on their way to a driver: parsed, validated, completed, checked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from polyvisor.errors import InvalidArgument
from polyvisor.operations.session import Session
from polyvisor.plugins import LoadedDriver, Plugins

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from polyvisor.documents import Contribution, Element


class Documents:
    """Reads documents for the driver of one connection."""

    def __init__(self, plugins: Plugins, driver: LoadedDriver) -> None:
        self._plugins = plugins
        self._driver = driver
        self.contributed: Iterable[Contribution] = _Contributed(plugins, driver)
        """What documents of this connection may hold beside what the core declares."""

    def prepare(self, session: Session, kind: str, document: Any) -> Any:
        """The model object a driver gets for ``document``, which is text or a model object of ``kind``.

        A model object is copied: what the caller holds is not changed. Raises InvalidDocument with every fault,
        UnsupportedConfiguration for what this hypervisor cannot do."""
        from polyvisor import model

        if isinstance(document, str | bytes):
            config = model.parse(kind, document, contributions=self.contributed)
        else:
            if not isinstance(document, model.roots(kind)):
                raise InvalidArgument(
                    f"a {kind} document is expected as text or as a model object, not {type(document).__name__}"
                )
            config = self._written_and_read(kind, document)
        if kind == "domain":
            return self._finish_domain(session, config)
        model.check(kind, model.complete(kind, config))
        return config

    def _written_and_read(self, kind: str, document: Element) -> Any:
        """Objects built in code pass the same gate as text."""
        from polyvisor import model
        from polyvisor.documents import write

        return model.parse(kind, write(document, secure=True), contributions=self.contributed)

    def _finish_domain(self, session: Session, config: Any) -> Any:
        from polyvisor.model.domain.completion import check, complete

        self._plugins.contribute(self._driver, "prepare_domain", session=session, config=config)
        made = complete(config)
        self._plugins.contribute(self._driver, "complete_domain", session=session, config=made)
        check(made)
        self._plugins.contribute(self._driver, "check_domain", session=session, config=made)
        return made


class _Contributed:
    """What the driver brings, and what those bring who are no drivers; asked for when a document needs it."""

    def __init__(self, plugins: Plugins, driver: LoadedDriver) -> None:
        self._plugins = plugins
        self._driver = driver
        self._own: tuple[Contribution, ...] | None = None

    def __iter__(self) -> Iterator[Contribution]:
        if self._own is None:
            groups = self._plugins.contribute(self._driver, "document_classes")
            self._own = tuple(each for group in groups for each in group)
        yield from self._own
        yield from self._plugins.shared_documents()
