"""An open connection to a server: its calls, its part of the inventory, its guests."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.errors import (
    ConnectFailed,
    HypervisorError,
    InvalidArgument,
    InvalidURI,
    NoSuchDomain,
    NotFound,
    OperationTimeout,
    PolyvisorError,
)
from polyvisor.spi import URI, ConnectContext, DomainRef, Event, JobControl, Session
from polyvisor_esx import credentials
from polyvisor_esx.address import Address, parse_address

if TYPE_CHECKING:
    from polyvisor_esx.closing import Closing
    from polyvisor_esx.index import Index
    from polyvisor_esx.inventory import Inventory, Place
    from polyvisor_esx.transport import Transport
    from polyvisor_esx.watching import Watcher

log = logging.getLogger(__name__)

KEEP_ALIVE = 600
"""Seconds between calls that keep an idle session: servers end it after 30 minutes."""

LAST_WORD = 5.0
"""Seconds that a server has to take leave: it ends idle sessions by itself."""

IDENTITY = ("name", "config.uuid", "runtime.powerState")


class EsxSession(Session):
    """A session on one server.

    ``service`` is the ServiceInstance, ``content`` what it is made of; ``place`` is the part of the inventory that
    the URI names. Calls of any thread go through ``transport``; faults come out of it as errors of ours.
    """

    def __init__(self, uri: URI, context: ConnectContext, address: Address, transport: Transport, content: Any) -> None:
        super().__init__(uri, context)
        self.address = address
        self.transport = transport
        self.content = content
        self.center = content.about.apiType == "VirtualCenter"
        self.remembered: dict[str, tuple[str, str]] = {}
        """Why guests are in the state they are in, where our own calls made it: ``{moref: (power state, reason)}``."""
        self.heard: dict[str, tuple[str, str]] = {}
        """The same by what the server told while it was watched."""
        self.watching = False
        """Set while events come from the server: those of our own calls are then not told twice."""
        self._known: dict[UUID, Any] = {}
        self._views: dict[tuple[Any, str], Any] = {}
        self._lock = threading.Lock()
        self._watcher: Watcher | None = None
        self._index: Index | None = None
        self.authorization: Callable[[], str] = str
        """Makes the header that names the user and gives the password, for pages that know no sessions."""
        self.closing: Closing | None = None
        """Tells somebody that the server is out of reach."""
        self._ended = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="polyvisor-esx-keep-alive", daemon=True)
        self._keeper.start()

    @property
    def trusted(self) -> bool:
        """Whether it was checked that the server is who it should be."""
        return self.address.verify or self.address.thumbprint is not None

    # -- inventory ----------------------------------------------------------------------------------------

    @cached_property
    def inventory(self) -> Inventory:
        """The tree of data centres, clusters and hosts, as it was when it was first asked for."""
        from pyVmomi import vim

        from polyvisor_esx.inventory import KINDS, Inventory
        from polyvisor_esx.properties import of_view

        root = self.content.rootFolder
        view = self._view(root, *KINDS)
        return Inventory(root, of_view(self.content.propertyCollector, vim.ManagedEntity, ("name", "parent"), view))

    @cached_property
    def place(self) -> Place:
        """The part of the inventory that the URI names."""
        return self.inventory.find(self.address.path)

    def _view(self, container: Any, *kinds: Any) -> Any:
        """A view of everything of these kinds below ``container``; made once."""
        key = (container, ",".join(kind.__name__ for kind in kinds))
        with self._lock:
            if key not in self._views:
                self._views[key] = self.content.viewManager.CreateContainerView(
                    container=container, type=list(kinds), recursive=True
                )
            return self._views[key]

    # -- properties ---------------------------------------------------------------------------------------

    def properties(
        self, kind: Any, paths: Sequence[str], refs: Iterable[Any] | None = None
    ) -> dict[Any, dict[str, Any]]:
        """Properties ``{object: {path: value}}`` in one request, however many objects there are.

        ``kind`` is a pyvmomi class (``vim.VirtualMachine``); ``refs`` the objects, None for all of this connection.
        Unset properties are left out. Raises NotFound when one of ``refs`` is gone."""
        from pyVmomi import vim

        from polyvisor_esx.properties import of_objects, of_related, of_view

        collector = self.content.propertyCollector
        if refs is not None:
            return of_objects(collector, kind, paths, refs)
        if (index := self._index) is not None and kind is vim.VirtualMachine and index.covers(paths):
            return index.rows(paths)
        scope = self.place.reference
        if isinstance(scope, vim.HostSystem):
            if kind is vim.HostSystem:
                return of_objects(collector, kind, paths, [scope])
            related = {vim.VirtualMachine: "vm", vim.Datastore: "datastore", vim.Network: "network"}
            return of_related(collector, kind, paths, scope, related[kind])
        try:
            return of_view(collector, kind, paths, self._view(scope, kind))
        except NotFound:  # views end with the login they were made in
            with self._lock:
                self._views.clear()
            return of_view(collector, kind, paths, self._view(scope, kind))

    # -- guests -------------------------------------------------------------------------------------------

    def vm(self, domain: DomainRef) -> Any:
        """The VirtualMachine of ``domain``. Raises NoSuchDomain."""
        return self.read(domain, ("name",))[0]

    def read(self, domain: DomainRef, paths: Sequence[str]) -> tuple[Any, dict[str, Any]]:
        """The VirtualMachine of ``domain`` and properties of it. Raises NoSuchDomain."""
        from pyVmomi import vim

        asked = ("config.uuid", *paths)
        machine = self._known.get(domain.uuid)
        if machine is not None:
            try:
                found = self.properties(vim.VirtualMachine, asked, [machine])
            except NotFound:
                found = {}
            if uuid_of(found.get(machine, {})) == domain.uuid:
                return machine, found[machine]
            self._known.pop(domain.uuid, None)
        machine = self._found(domain)
        return machine, self.properties(vim.VirtualMachine, asked, [machine]).get(machine, {})

    def _found(self, domain: DomainRef) -> Any:
        """Look a guest up in this part of the inventory; of several of its UUID (copies), the one of its name."""
        from pyVmomi import vim

        rows = self.properties(vim.VirtualMachine, IDENTITY)
        fits = {ref: row for ref, row in rows.items() if uuid_of(row) == domain.uuid}
        if len(fits) > 1:
            fits = {ref: row for ref, row in fits.items() if guest_name(row) == domain.name} or fits
        if not fits:
            raise NoSuchDomain(f"there is no {domain}", target=str(domain), driver="esx")
        machine = next(iter(fits))
        self._known[domain.uuid] = machine
        return machine

    def learn(self, uuid: UUID, machine: Any) -> None:
        """Remember which VirtualMachine a guest is."""
        self._known[uuid] = machine

    def forget(self, domain: DomainRef) -> None:
        """A guest is gone."""
        self._known.pop(domain.uuid, None)

    # -- tasks and events -----------------------------------------------------------------------------------

    def wait(self, task: Any, job: JobControl | None = None) -> Any:
        """Wait for a task and return its result; raises its fault. A cancelled ``job`` cancels the task."""
        from polyvisor_esx import tasks

        return tasks.wait(self, task, job)

    def tell(self, event: Event) -> None:
        """Announce what one of our own calls did, unless the server tells it anyway."""
        from polyvisor_esx.watching import told_by_server

        if not self.watching or not told_by_server(event):
            self.events(event)

    def watch(self, enabled: bool) -> None:
        """Begin to hear from the server what happens to guests, or end that."""
        from polyvisor_esx.index import Index
        from polyvisor_esx.watching import Watcher

        if enabled and self._watcher is None:
            self._watcher = Watcher(self)
            self._index = Index(self)
            self.watching = True
        elif not enabled and self._watcher is not None:
            watcher, self._watcher, self.watching = self._watcher, None, False
            index, self._index = self._index, None
            watcher.stop()
            if index is not None:
                index.close()

    # -- the end ------------------------------------------------------------------------------------------

    def _keep(self) -> None:
        while not self._ended.wait(KEEP_ALIVE):
            try:
                self.service_time()
            except PolyvisorError as error:
                log.warning("the session at %s could not be kept alive: %s", self.address.host, error)

    def service_time(self) -> datetime:
        """The server's clock: the cheapest question that needs a login."""
        from pyVmomi import vim

        found = vim.ServiceInstance("ServiceInstance", self.transport).CurrentTime()
        if not isinstance(found, datetime):
            raise HypervisorError(f"{self.address.host} tells no time: it is no VMware server any more", driver="esx")
        return found

    def close(self) -> None:
        self._ended.set()
        if self.closing is not None:
            self.closing.stop()
        self.watch(False)
        try:
            self.transport.login = None
            self.transport.hurry(LAST_WORD)
            self.content.sessionManager.Logout()
        except PolyvisorError as error:
            log.info("could not log out of %s: %s", self.address.host, error)
        self.transport.shut()


# -- names and numbers ------------------------------------------------------------------------------------


def uuid_of(row: dict[str, Any]) -> UUID | None:
    """The guest's UUID among its properties; None while the server is still making it."""
    written = row.get("config.uuid")
    try:
        return UUID(written) if written else None
    except ValueError:
        return None


def guest_name(row: dict[str, Any]) -> str:
    """The guest's name: vSphere writes ``%``, ``/`` and the backslash of names as hex digits."""
    return plain_name(row.get("name", ""))


def plain_name(written: str) -> str:
    """A name as people write it."""
    return re.sub(r"%(25|2[fF]|5[cC])", lambda found: chr(int(found[1], 16)), written)


def written_name(name: str) -> str:
    """A name as vSphere has it."""
    return re.sub(r"[%/\\]", lambda found: f"%{ord(found[0]):02x}", name)


def number_of(machine: Any) -> int:
    """The number in a managed object reference: 42 of ``vm-42``, 7 of ``7``; what libvirt has for an id."""
    found = re.search(r"(\d+)$", str(machine._GetMoId()))
    return int(found[1]) if found else 0


def ref_of(machine: Any, row: dict[str, Any]) -> DomainRef:
    """The reference of a guest from its :data:`IDENTITY`."""
    off = str(row.get("runtime.powerState")) == "poweredOff"
    return DomainRef(guest_name(row), uuid_of(row) or UUID(int=0), None if off else number_of(machine))


# -- opening ----------------------------------------------------------------------------------------------


def open_session(uri: URI, context: ConnectContext) -> EsxSession:
    """Log in. Raises InvalidURI, ConnectFailed."""
    address = parse_address(uri)
    known = credentials.find(address.scheme, address.host, address.user, context.credentials)
    from pyVmomi import vim
    from pyVmomi.VmomiSupport import versionMap

    from polyvisor_esx.transport import TIMEOUT, Transport

    transport = Transport(address, version=versionMap[OLDEST], timeout=_timeout(context, TIMEOUT))
    try:
        content: Any = vim.ServiceInstance("ServiceInstance", transport).RetrieveContent()
        _require_kind(address, content.about)
        transport.ComputeVersionInfo(versionMap[best_version(content.about.apiVersion, versionMap)])

        def login() -> None:
            content.sessionManager.Login(userName=known.user, password=known.password)

        login()
        transport.login = login
        session = EsxSession(uri, context, address, transport, content)
        session.authorization = known.header
        try:
            _ = session.place
        except BaseException:
            session.close()
            raise
    except (HypervisorError, OperationTimeout, InvalidArgument) as error:
        transport.shut()
        if isinstance(error, InvalidURI):
            raise
        raise ConnectFailed(f"cannot open {uri}: {error.message}", driver="esx", hint=error.hint) from error
    except PolyvisorError:
        transport.shut()
        raise
    return session


OLDEST = "vim25/5.5"
"""The interface that every server of the last ten years speaks; a newer one is used once it says that it has it."""


def best_version(api: str, known: Iterable[str]) -> str:
    """The newest interface of pyvmomi's that a server of version ``api`` speaks."""

    def numbers(text: str) -> tuple[int, ...]:
        return tuple(int(part) for part in re.findall(r"\d+", text))

    versions = [each for each in known if re.fullmatch(r"vim25/\d+(\.\d+)*", each)]
    fitting = [each for each in versions if numbers(each.removeprefix("vim25/")) <= numbers(api)]
    return max(fitting, key=lambda each: numbers(each.removeprefix("vim25/")), default=OLDEST)


def _require_kind(address: Address, about: Any) -> None:
    center = about.apiType == "VirtualCenter"
    if center and not address.center:
        raise InvalidURI(
            f"{address.host} is a vCenter, not a single host", driver="esx", hint=f"use vpx://{address.host}/"
        )
    if address.center and not center:
        raise InvalidURI(
            f"{address.host} is a single host, not a vCenter", driver="esx", hint=f"use esx://{address.host}/"
        )


def _timeout(context: ConnectContext, default: float) -> float:
    value = context.settings.get("timeout", default)
    if not isinstance(value, int | float) or not 0 < value <= 3600:
        raise ConnectFailed(f"[drivers.esx] timeout = {value!r} is no number of seconds", driver="esx")
    return float(value)
