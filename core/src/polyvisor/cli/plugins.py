"""The installed drivers and what each supports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from polyvisor.cli.command import command
from polyvisor.cli.parameters import flag
from polyvisor.errors import PluginError
from polyvisor.operations.catalogue import every
from polyvisor.plugins import Installed, LoadedDriver, Plugins

if TYPE_CHECKING:
    from polyvisor.cli.shell import Shell


@dataclass(frozen=True)
class Report:
    """A driver as this command sees it: ``loaded`` or, if it cannot be used, ``problem``."""

    entry: Installed
    loaded: LoadedDriver | None
    problem: str = ""

    @property
    def operations(self) -> int:
        """How many operations it implements."""
        return len(self.loaded.implements & every().keys()) if self.loaded else 0

    @property
    def state(self) -> str:
        return "blocked" if self.entry.blocked else "broken" if self.loaded is None else "ready"


@command("drivers")
@flag("matrix", "For each capability, which drivers have it.")
def drivers(shell: Shell, matrix: bool) -> None:
    """A driver that is blocked or broken is listed with the reason, and the command goes on."""
    settings = shell.configuration
    plugins = Plugins(block=settings.blocked, order=settings.order)
    reports = [_report(plugins, entry) for entry in plugins.drivers()]
    if matrix:
        _print_matrix(shell, [report for report in reports if report.loaded is not None])
        return
    rows = [
        (
            report.entry.name,
            report.entry.version,
            report.entry.distribution,
            " ".join(f"{scheme}://" for scheme in report.entry.schemes),
            f"{report.operations} of {len(every())}" if report.loaded else "-",
            report.state,
        )
        for report in reports
    ]
    shell.table(
        ("Driver", "Version", "Package", "URIs", "Operations", "State"), rows, [_facts(report) for report in reports]
    )
    if not shell.json:
        for report in reports:
            if report.problem:
                shell.print(f"{report.entry.name}: {report.problem}")


def _report(plugins: Plugins, entry: Installed) -> Report:
    try:
        loaded = plugins.driver(entry.schemes[0])
        problems = plugins.verify(loaded, every())
    except PluginError as error:
        return Report(entry, None, str(error))
    return Report(entry, loaded, "; ".join(problems))


def _facts(report: Report) -> dict[str, Any]:
    return {
        "name": report.entry.name,
        "version": report.entry.version,
        "package": report.entry.distribution,
        "schemes": report.entry.schemes,
        "state": report.state,
        "problem": report.problem or None,
        "operations": sorted(report.loaded.implements & every().keys()) if report.loaded else [],
    }


def _print_matrix(shell: Shell, reports: list[Report]) -> None:
    """A row for each operation: its subject, capability, and yes or - for each driver."""
    names = [report.entry.name for report in reports]
    rows = []
    data = []
    for name, operation in every().items():
        has = [name in report.loaded.implements for report in reports if report.loaded is not None]
        rows.append((operation.subject, operation.capability, *("yes" if there else "-" for there in has)))
        facts = {"subject": operation.subject, "capability": operation.capability, "operation": name}
        data.append({**facts, "drivers": dict(zip(names, has, strict=True))})
    shell.table(("Subject", "Capability", *names), rows, data)
