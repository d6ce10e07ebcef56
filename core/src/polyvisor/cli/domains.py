"""Finding domains and asking what they are doing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from polyvisor.cli.command import command
from polyvisor.cli.output import listing, plain, seconds, yes
from polyvisor.cli.parameters import domain, exclusive, flag
from polyvisor.operations.records import Column, DomainRow, DomainState

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell

_NAMED_STATES = {
    "state_running": {DomainState.RUNNING},
    "state_paused": {DomainState.PAUSED},
    "state_shutoff": {DomainState.SHUT_OFF},
}
_STATES = {
    **_NAMED_STATES,
    "state_other": set(DomainState) - set().union(*_NAMED_STATES.values()),
}


@command("list")
@flag("inactive", "Only domains that do not run.")
@flag("all", "Domains that run and domains that do not.")
@flag("transient", "Only domains without a stored configuration.")
@flag("persistent", "Only domains with a stored configuration.")
@flag("autostart", "Only domains that start with the host.")
@flag("no-autostart", "Only domains that do not start with the host.")
@flag("with-managed-save", "Only domains with a managed save image.")
@flag("without-managed-save", "Only domains without a managed save image.")
@flag("with-snapshot", "Only domains with snapshots.")
@flag("without-snapshot", "Only domains without snapshots.")
@flag("with-checkpoint", "Only domains with checkpoints.")
@flag("without-checkpoint", "Only domains without checkpoints.")
@flag("state-running", "Only running domains.")
@flag("state-paused", "Only paused domains.")
@flag("state-shutoff", "Only domains that are shut off.")
@flag("state-other", "Only domains in another state.")
@flag("table", "Print a table; the default.")
@flag("name", "Print names only.")
@flag("uuid", "Print UUIDs only.")
@flag("id", "Print ids only.")
@flag("managed-save", "Mark shut off domains that have a managed save image.")
@flag("title", "Add the titles to the table.")
def list_command(
    shell: Shell,
    *,
    name: bool,
    uuid: bool,
    id: bool,
    title: bool,
    managed_save: bool,
    **chosen: bool,
) -> None:
    """Without options, the domains that run. Options that choose add up; those of one kind widen the choice."""
    for column in ("name", "uuid", "id"):
        exclusive("table", column)
    rows = _chosen_rows(shell, title, managed_save, chosen)
    shown = [field for field, wanted in (("id", id), ("uuid", uuid), ("name", name)) if wanted]
    if shell.json:
        shell.data([_facts(row) for row in rows], "")
    elif shown:
        for row in rows:
            shell.print(" ".join(_identity(row)[field] for field in shown))
    else:
        _print_table(shell, rows, title, managed_save)


def _chosen_rows(shell: Shell, title: bool, managed_save: bool, chosen: dict[str, bool]) -> list[DomainRow]:
    columns = {Column.TITLE} if title else set()
    for option, column in (
        ("persistent", Column.PERSISTENT),
        ("transient", Column.PERSISTENT),
        ("autostart", Column.AUTOSTART),
        ("no_autostart", Column.AUTOSTART),
        ("with_managed_save", Column.MANAGED_SAVE),
        ("without_managed_save", Column.MANAGED_SAVE),
    ):
        if chosen[option]:
            columns.add(column)
    if managed_save:
        columns.add(Column.MANAGED_SAVE)
    states = set().union(*(states for option, states in _STATES.items() if chosen[option]))
    rows = shell.connection.list_domains(
        active=_active(chosen),
        persistent=either(chosen["persistent"], chosen["transient"]),
        autostart=either(chosen["autostart"], chosen["no_autostart"]),
        states=states or None,
        columns=columns,
    )
    return [row for row in rows if all(test(shell, row) is wanted for test, wanted in _wanted(chosen))]


_Test = Callable[["Shell", DomainRow], bool]
_HAS: dict[str, _Test] = {
    "managed_save": lambda shell, row: bool(row.managed_save),
    "snapshot": lambda shell, row: bool(shell.handle(row.ref).list_snapshots()),
    "checkpoint": lambda shell, row: bool(shell.handle(row.ref).list_checkpoints()),
}
"""What ``--with-...`` and ``--without-...`` ask of each domain; the latter two by an operation for each."""


def _wanted(chosen: dict[str, bool]) -> list[tuple[_Test, bool]]:
    """Tests that each row must answer in the way that the options want."""
    pairs = [(test, either(chosen[f"with_{what}"], chosen[f"without_{what}"])) for what, test in _HAS.items()]
    return [(test, wanted) for test, wanted in pairs if wanted is not None]


def _active(chosen: dict[str, bool]) -> bool | None:
    """virsh's rule: domains that run, unless --inactive, --all or --state-shutoff asks for others."""
    if chosen["all"]:
        return None
    if chosen["inactive"]:
        return False
    if chosen["state_shutoff"]:
        return None if any(chosen[option] for option in _STATES if option != "state_shutoff") else False
    return True


def either(yes: bool, no: bool) -> bool | None:
    """True or False when exactly one of two opposite options was given, else None."""
    return None if yes == no else yes


def _identity(row: DomainRow) -> dict[str, str]:
    return {"id": "-" if row.ref.id is None else str(row.ref.id), "name": row.name, "uuid": str(row.ref.uuid)}


def _facts(row: DomainRow) -> dict[str, Any]:
    facts: dict[str, Any] = {"id": row.ref.id, "name": row.name, "uuid": row.ref.uuid}
    facts |= {"state": row.state, "reason": row.reason}
    for column in ("persistent", "autostart", "managed_save", "title"):
        if (value := getattr(row, column)) is not None:
            facts[column] = value
    return facts


def _print_table(shell: Shell, rows: list[DomainRow], title: bool, managed_save: bool) -> None:
    heads = ["Id", "Name", "State", *(["Title"] if title else [])]
    lines = []
    for row in rows:
        saved = managed_save and row.managed_save and row.state is DomainState.SHUT_OFF
        line = [_identity(row)["id"], row.name, "saved" if saved else row.state.value]
        lines.append([*line, row.title or ""] if title else line)
    shell.table(heads, lines)


@command("dominfo")
@domain()
def dominfo(shell: Shell, domain: str) -> None:
    """Memory is in KiB."""
    found = shell.domain(domain)
    info = found.info()

    def text() -> str:
        facts = {
            "Id": "-" if found.id is None else found.id,
            "Name": found.name,
            "UUID": found.uuid,
            "OS Type": info.os_type,
            "State": info.state.value,
            "CPU(s)": info.vcpus,
        }
        if info.cpu_time_ns is not None:
            facts["CPU time"] = seconds(info.cpu_time_ns)
        facts |= {
            "Max memory": f"{info.max_memory_kib} KiB",
            "Used memory": f"{info.memory_kib} KiB",
            "Persistent": yes(info.persistent),
            "Autostart": "enable" if info.autostart else "disable",
            "Managed save": yes(info.managed_save),
        }
        return listing(facts, margin=15) + "\n"

    identity = {"id": found.id, "name": found.name, "uuid": found.uuid}
    shell.data(identity | plain(info), text)


@command("domstate")
@domain()
@flag("reason", "Say why it is in that state, too.")
def domstate(shell: Shell, domain: str, reason: bool) -> None:
    """A state is one of: running, idle, paused, in shutdown, shut off, crashed, pmsuspended, no state."""
    state = shell.domain(domain).state()
    shell.data(state, f"{state.state.value} ({state.reason})" if reason else state.state.value)


@command("domid")
@domain()
def domid(shell: Shell, domain: str) -> None:
    """A domain that does not run has none: ``-``."""
    found = shell.domain(domain)
    shell.data({"id": found.id}, "-" if found.id is None else str(found.id))


@command("domname")
@domain()
def domname(shell: Shell, domain: str) -> None:
    """From its id or UUID."""
    found = shell.domain(domain)
    shell.data({"name": found.name}, found.name)


@command("domuuid")
@domain()
def domuuid(shell: Shell, domain: str) -> None:
    """From its name or id."""
    found = shell.domain(domain)
    shell.data({"uuid": found.uuid}, str(found.uuid))


@command("domcontrol")
@domain()
def domcontrol(shell: Shell, domain: str) -> None:
    """``ok`` when it is free, else what occupies it and for how long."""
    info = shell.domain(domain).control_info()
    words = [info.state, info.details and f"({info.details})", info.for_ms and f"({info.for_ms / 1000:.3f}s)"]
    shell.data(info, " ".join(str(word) for word in words if word))
