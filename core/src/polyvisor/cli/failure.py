"""How commands end: exit statuses, and errors as people and programs read them."""

from __future__ import annotations

import logging
import os
import sys
from enum import IntEnum
from typing import Any

import click

from polyvisor import errors

log = logging.getLogger(__name__)


class Status(IntEnum):
    """What the exit status of ``polyvisor`` means. Stable; listed in docs/reference/cli.md."""

    OK = 0
    FAILED = 1
    USAGE = 2
    CONNECTION = 3
    UNSUPPORTED = 4
    NOT_FOUND = 5
    INVALID_DOCUMENT = 6
    DENIED = 7
    DEFECT = 70
    INTERRUPTED = 130
    PIPE_CLOSED = 141


MEANINGS: dict[Status, str] = {
    Status.OK: "done",
    Status.FAILED: "the operation failed: wrong state, name taken, the hypervisor or the host refused, ...; "
    "for `validate`, a document has faults; for `event`, none came in time",
    Status.USAGE: "the command line or the configuration makes no sense",
    Status.CONNECTION: "no connection: a wrong URI, no driver for it, or the hypervisor cannot be reached",
    Status.UNSUPPORTED: "the driver does not have the operation or the option, or cannot provide what a document asks",
    Status.NOT_FOUND: "no such domain, snapshot, device, ...",
    Status.INVALID_DOCUMENT: "a document has faults, each told with its line",
    Status.DENIED: "the connection may not do that; it is read-only, for instance",
    Status.DEFECT: "a defect of Polyvisor or of a driver",
    Status.INTERRUPTED: "interrupted (^C)",
    Status.PIPE_CLOSED: "whoever read the output went away",
}
"""What each status says."""

_STATUSES: tuple[tuple[tuple[type[errors.PolyvisorError], ...], Status], ...] = (
    (
        (errors.InvalidURI, errors.ConnectFailed, errors.ConnectionClosed, errors.PluginError),
        Status.CONNECTION,
    ),
    ((errors.InvalidArgument, errors.ConfigurationError), Status.USAGE),
    ((errors.UnsupportedOperation, errors.UnsupportedConfiguration), Status.UNSUPPORTED),
    ((errors.NotFound,), Status.NOT_FOUND),
    ((errors.InvalidDocument,), Status.INVALID_DOCUMENT),
    ((errors.AccessDenied,), Status.DENIED),
    ((errors.DriverFault,), Status.DEFECT),
    ((errors.PolyvisorError,), Status.FAILED),
)


def status_of(error: errors.PolyvisorError) -> Status:
    """The exit status for ``error``: of the first line of the table that it belongs to."""
    return next(status for classes, status in _STATUSES if isinstance(error, classes))


class UsageFault(click.UsageError):
    """The command line makes no sense; the message says why. Belongs to the command at work unless told."""

    def __init__(self, message: str, ctx: click.Context | None = None) -> None:
        super().__init__(message, ctx or click.get_current_context(silent=True))


def report(error: BaseException, *, as_json: bool, color: bool | None = None) -> int:
    """Tell standard error what went wrong; returns the exit status. Anything unknown counts as our defect.

    ``color`` None means colours on a terminal."""
    status, facts, lines = _explained(error)
    if lines:
        _tell(facts, lines, status, as_json=as_json, color=color)
    return status


def _explained(error: BaseException) -> tuple[Status, dict[str, Any], list[str]]:
    """The status, the facts for programs and the lines for people; no lines for what needs no words."""
    if isinstance(error, errors.PolyvisorError):
        log.debug("failed", exc_info=error)
        return status_of(error), error.as_dict(), _lines(error)
    if isinstance(error, click.ClickException):
        message = _usage_message(error)
        lines = [message]
        if isinstance(error, click.UsageError) and error.ctx is not None:
            lines.append(f"hint: '{error.ctx.command_path} --help' explains the command")
        status = Status.USAGE if isinstance(error, click.UsageError) else Status.FAILED
        return status, {"code": "usage", "message": message}, lines
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return Status.INTERRUPTED, {}, []
    if isinstance(error, BrokenPipeError):
        silence(sys.stdout)
        return Status.PIPE_CLOSED, {}, []
    if isinstance(error, OSError):
        message = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
        return Status.FAILED, {"code": "host", "message": message}, [message]
    log.debug("failed", exc_info=error)
    message = f"polyvisor has a defect: {type(error).__name__}: {error}"
    hint = "hint: run it again with -d debug before the command to see where"
    return Status.DEFECT, {"code": "defect", "message": message}, [message, hint]


def _usage_message(error: click.ClickException) -> str:
    if isinstance(error, click.MissingParameter) and error.param is not None and error.ctx is not None:
        return f"command {error.ctx.info_name!r} requires {error.param.get_error_hint(error.ctx)} option"
    return error.format_message().rstrip(".")


def _lines(error: errors.PolyvisorError) -> list[str]:
    lines = [error.message]
    if isinstance(error, errors.InvalidDocument):
        lines += [f"  {fault}" for fault in error.faults]
    if error.__cause__ is not None and str(error.__cause__) not in error.message:
        lines.append(f"cause: {error.__cause__}")
    if error.hint:
        lines.append(f"hint: {error.hint}")
    return lines


def _tell(facts: dict[str, Any], lines: list[str], status: Status, *, as_json: bool, color: bool | None) -> None:
    if as_json:
        import json

        text = json.dumps({"error": facts, "status": int(status)}, ensure_ascii=False, default=str)
    else:
        text = "\n".join([click.style("error:", fg="red", bold=True) + " " + lines[0], *lines[1:]])
    try:
        click.echo(text, err=True, color=color)
    except OSError:  # nobody can be told; the status still tells
        silence(sys.stderr)


def settle() -> None:
    """Have nothing left to be written when the interpreter ends, where a failure would be a traceback."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:  # reported already, where that was possible
            silence(stream)


def silence(stream: Any) -> None:
    """Let nothing more be written to ``stream``, whose other end is gone, not even at the interpreter's exit."""
    try:
        descriptor = stream.fileno()
    except (AttributeError, OSError, ValueError):
        return  # closed, or no file: nothing will be flushed at exit
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, descriptor)
    os.close(null)
