"""A connection as programs see it, and how it is opened."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any
from uuid import UUID

from polyvisor.errors import InvalidArgument, PluginError, PolyvisorError
from polyvisor.objects.domain import Domain
from polyvisor.objects.face import Subject, connection_method
from polyvisor.operations.declaration import Operation, declared
from polyvisor.operations.records import Column, DomainRow, DomainState
from polyvisor.operations.session import ConnectContext
from polyvisor.plugins import Plugins
from polyvisor.services.access import EVERYTHING, Policy
from polyvisor.services.events import DEFAULT_CAPACITY, EventHub, EventStream
from polyvisor.services.invocation import Invoker
from polyvisor.uri import URI, parse_uri

if TYPE_CHECKING:
    from polyvisor.config import Configuration
    from polyvisor.model.domain import Domain as DomainDocument
    from polyvisor.operations import (
        configuration,
        connection,
        host,
        lifecycle,
        listing,
        migration,
        passthrough,
        saving,
        statistics,
    )
    from polyvisor.operations.events import EventKind
    from polyvisor.operations.jobs import JobControl
    from polyvisor.services.jobs import Job
    from polyvisor.services.metrics import Account
else:
    configuration, connection, host = map(Subject, ("configuration", "connection", "host"))
    lifecycle, listing, migration = map(Subject, ("lifecycle", "listing", "migration"))
    passthrough, saving, statistics = map(Subject, ("passthrough", "saving", "statistics"))


class Connection:
    """An open connection to one hypervisor. Made by :func:`polyvisor.open`; a context manager; thread-safe."""

    def __init__(self, invoker: Invoker) -> None:
        self._invoker = invoker

    # -- the connection itself ----------------------------------------------------------------------------

    @property
    def uri(self) -> URI:
        """What was opened."""
        return self._invoker.session.uri

    @property
    def driver(self) -> str:
        """Name of the driver at work."""
        return self._invoker.driver.name

    @property
    def policy(self) -> Policy:
        """What this connection may do."""
        return self._invoker.policy

    @property
    def closed(self) -> bool:
        return self._invoker.closed

    def close(self) -> None:
        """Wait for calls under way and close. Guests go on. Closing twice is harmless."""
        self._invoker.close()

    def __enter__(self) -> Connection:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<Connection {self.uri}{' closed' if self.closed else ''}>"

    def _call(self, operation: Operation, arguments: dict[str, Any], job: Job[Any] | None) -> Any:
        return self._invoker(operation, arguments, job)

    def supports(self, name: str) -> bool:
        """Whether the driver has a capability (``"snapshot.revert"``) or an operation (``"revert_snapshot"``).

        Raises InvalidArgument for a name that no operation has: a typo is not a missing feature."""
        from polyvisor.operations.catalogue import every

        implements = self._invoker.driver.implements
        wanted = [operation for operation in every().values() if name in (operation.capability, operation.name)]
        if not wanted:
            from difflib import get_close_matches

            names = [operation.capability for operation in every().values()] + list(every())
            near = get_close_matches(name, names, n=1)
            raise InvalidArgument(
                f"there is no capability {name!r}", hint=f"did you mean {near[0]!r}?" if near else None
            )
        return any(operation.name in implements for operation in wanted)

    def metrics(self) -> dict[str, Account]:
        """Calls, errors and seconds by operation, since the connection was opened."""
        return self._invoker.metrics.snapshot()

    version = connection_method(connection.version)
    hypervisor_type = connection_method(connection.hypervisor_type)
    security = connection_method(connection.security)
    alive = connection_method(connection.alive)
    has_feature = connection_method(connection.has_feature)
    set_identity = connection_method(connection.set_identity)
    watch_close = connection_method(connection.watch_close)

    # -- the host -----------------------------------------------------------------------------------------------

    hostname = connection_method(host.hostname)
    sysinfo = connection_method(host.sysinfo)
    host_info = connection_method(host.host_info)
    max_vcpus = connection_method(host.max_vcpus)
    host_cpu_stats = connection_method(host.host_cpu_stats)
    cpu_map = connection_method(host.cpu_map)
    host_memory_stats = connection_method(host.host_memory_stats)
    free_memory = connection_method(host.free_memory)
    free_pages = connection_method(host.free_pages)
    allocate_pages = connection_method(host.allocate_pages)
    memory_parameters = connection_method(host.memory_parameters)
    set_memory_parameters = connection_method(host.set_memory_parameters)
    suspend_host = connection_method(host.suspend_host)
    security_models = connection_method(host.security_models)
    sev_info = connection_method(host.sev_info)
    assign_host_device = connection_method(host.assign_host_device)
    capabilities = connection_method(host.capabilities)
    domain_capabilities = connection_method(host.domain_capabilities)
    compare_cpu = connection_method(host.compare_cpu)
    baseline_cpu = connection_method(host.baseline_cpu)
    cpu_models = connection_method(host.cpu_models)
    from_native = connection_method(host.from_native)
    to_native = connection_method(host.to_native)

    # -- domains ------------------------------------------------------------------------------------------------

    list_domains = connection_method(listing.list_domains)
    lookup_domain = connection_method(listing.lookup_domain)
    _define = connection_method(configuration.define)
    _create = connection_method(lifecycle.create)
    _adopt = connection_method(lifecycle.adopt)
    _restore = connection_method(saving.restore)
    domain_stats = connection_method(statistics.domain_stats)
    save_image_config = connection_method(saving.save_image_config)
    set_save_image_config = connection_method(saving.set_save_image_config)
    prepare_migration = connection_method(migration.prepare_migration)
    prepare_migration_tunnel = connection_method(migration.prepare_migration_tunnel)
    watch_monitor_events = connection_method(passthrough.watch_monitor_events)

    def domains(
        self,
        *,
        active: bool | None = None,
        persistent: bool | None = None,
        autostart: bool | None = None,
        states: Collection[DomainState] | None = None,
        columns: Collection[Column] = tuple(Column),
    ) -> list[DomainRow]:
        """The table of domains, whole rows, in one operation: identity, state, memory, vCPUs, flags.

        ``columns`` narrows what is filled in beside identity and state, which is what costs time."""
        return self.list_domains(
            active=active, persistent=persistent, autostart=autostart, states=states, columns=columns
        )

    def domain(self, name: str | None = None, *, uuid: UUID | str | None = None, id: int | None = None) -> Domain:
        """The domain of that name, UUID or id. Raises NoSuchDomain."""
        return Domain(self, self.lookup_domain(name=name, uuid=UUID(uuid) if isinstance(uuid, str) else uuid, id=id))

    def lookup(self, text: str) -> Domain:
        """The domain that ``text`` means on a command line: its id, its UUID or its name, in this order.

        Raises NoSuchDomain."""
        from polyvisor.errors import NoSuchDomain

        attempts: list[dict[str, Any]] = [{"name": text}]
        try:
            attempts.insert(0, {"uuid": UUID(text)})
        except ValueError:
            pass  # not every name is a UUID; the name is tried below
        if text.isascii() and text.isdigit():
            attempts.insert(0, {"id": int(text)})
        for attempt in attempts[:-1]:
            try:
                return Domain(self, self.lookup_domain(**attempt))
            except NoSuchDomain:
                continue
        return Domain(self, self.lookup_domain(**attempts[-1]))

    def define(self, config: DomainDocument | str | bytes) -> Domain:
        """Store a domain from its document (text or model); see :func:`polyvisor.operations.configuration.define`."""
        return Domain(self, self._define(config))

    def create(
        self,
        config: DomainDocument | str | bytes,
        *,
        paused: bool = False,
        autodestroy: bool = False,
        fds: Sequence[int] = (),
    ) -> Domain:
        """Start a transient guest from its document; see :func:`polyvisor.operations.lifecycle.create`."""
        return Domain(self, self._create(config, paused=paused, autodestroy=autodestroy, fds=fds))

    def adopt(self, pid: int, *, hints: Mapping[str, str] | None = None) -> Domain:
        """Take over a guest process that was not started by this driver."""
        return Domain(self, self._adopt(pid, hints=hints))

    def restore(
        self,
        path: str,
        *,
        config: DomainDocument | str | bytes | None = None,
        paused: bool | None = None,
        bypass_cache: bool = False,
        reset_nvram: bool = False,
        parallel: int = 1,
        job: JobControl | None = None,
    ) -> Domain:
        """Take up a guest from a saved file; see :func:`polyvisor.operations.saving.restore`."""
        ref = self._restore(
            path,
            config=config,
            paused=paused,
            bypass_cache=bypass_cache,
            reset_nvram=reset_nvram,
            parallel=parallel,
            job=job,
        )
        return Domain(self, ref)

    # -- events -------------------------------------------------------------------------------------------------

    def events(
        self,
        *,
        kinds: Collection[EventKind] | None = None,
        domain: str | None = None,
        capacity: int | None = None,
    ) -> EventStream:
        """What happens from now on, as an iterator with a bounded queue; ``domain`` is a name or a UUID.

        A listener that falls more than ``capacity`` events behind loses the oldest and is told how many by an
        event of kind ``dropped``."""
        return self._invoker.listen(kinds=kinds, domain=domain, capacity=capacity or DEFAULT_CAPACITY)


def open_connection(
    uri: str | URI | None = None,
    *,
    readonly: bool = False,
    policy: Policy = EVERYTHING,
    credentials: Callable[[tuple[str, ...], str], Mapping[str, str]] | None = None,
    configuration: Configuration | None = None,
    plugins: Plugins | None = None,
) -> Connection:
    """Open a connection to a hypervisor.

    :param uri: which one: a URI, an alias from the configuration, or None for the default (configured, from the
        environment, or the first installed driver whose hypervisor is present).
    :param readonly: refuse every operation that changes something, before any driver is called.
    :param policy: the permissions the connection shall have.
    :param credentials: called with the names of what is needed and a prompt when the hypervisor wants to know
        who is asking; returns the answers by name.
    :param configuration: settings instead of those of the configuration files.
    :param plugins: plugins instead of the installed ones.

    Raises UnknownScheme, InvalidURI, ConnectFailed, PluginError or ConfigurationError.
    """
    if configuration is None:
        from polyvisor.config import load

        configuration = load()
    if plugins is None:
        plugins = _shared_plugins(configuration)
    plugins.load_extensions()
    target = parse_uri(_chosen(uri, configuration, plugins))
    driver = plugins.driver(target.scheme)
    if readonly and not policy.read_only:
        policy = Policy(policy.granted, policy.denied, read_only=True)
    hub = EventHub()
    context = ConnectContext(hub, policy.read_only, configuration.drivers.get(driver.name, {}), credentials)
    operation = declared(_connect_hook())
    policy.require(operation, {})
    try:
        session = plugins.call(driver, operation, {"uri": target, "context": context})
    except PolyvisorError as error:
        error.operation = error.operation or "connect"
        error.driver = error.driver or driver.name
        raise
    if session is None:
        from polyvisor.errors import InvalidURI

        raise InvalidURI(f"the {driver.name} driver does not serve {target}", driver=driver.name, operation="connect")
    return Connection(Invoker(plugins, driver, session, policy, hub))


def _connect_hook() -> Callable[..., Any]:
    from polyvisor.operations.connection import connect

    return connect


_process_plugins: dict[tuple[frozenset[str], tuple[str, ...]], Plugins] = {}


def _shared_plugins(configuration: Configuration) -> Plugins:
    """One registry for each set of plugin settings in this process, so drivers register once."""
    key = (configuration.blocked, configuration.order)
    if key not in _process_plugins:
        _process_plugins[key] = Plugins(block=configuration.blocked, order=configuration.order)
    return _process_plugins[key]


def _chosen(uri: str | URI | None, configuration: Configuration, plugins: Plugins) -> str | URI:
    """The URI to open."""
    if isinstance(uri, URI):
        return uri
    if chosen := configuration.resolve_uri(uri):
        return chosen
    return probed_uri(plugins)


def present_hypervisors(plugins: Plugins) -> Iterator[tuple[str, str | PluginError]]:
    """Each installed driver that finds its hypervisor on this host, and the URI it would serve here.

    Of a driver that cannot be loaded, what is wrong with it; drivers that are blocked are left out."""
    from polyvisor.operations.connection import probe_uri

    operation = declared(probe_uri)
    for entry in plugins.drivers():
        if entry.blocked:
            continue
        try:
            driver = plugins.driver(entry.schemes[0])
            if operation.name in driver.implements and (uri := plugins.call(driver, operation, {})):
                yield entry.name, str(uri)
        except PluginError as error:
            yield entry.name, error


def probed_uri(plugins: Plugins) -> str:
    """The URI of the first installed driver whose hypervisor is present on this host. Raises InvalidArgument.

    A broken driver does not stop the search; `polyvisor drivers` shows it."""
    for _, found in present_hypervisors(plugins):
        if isinstance(found, str):
            return found
    raise InvalidArgument(
        "no connection URI was given and no installed driver finds its hypervisor here",
        hint="name one (polyvisor -c URI, or polyvisor.open(uri)), or set default_uri in polyvisor.toml",
    )
