"""Telling other managers what was done, and failing to."""

from __future__ import annotations

import errno
import logging
import os
from uuid import UUID

from polyvisor.local import bus
from polyvisor.spi import DomainRef, Lifecycle

WEB = DomainRef("web", UUID(int=7))


def lines(session):
    with open(bus.path(session), "rb") as file:
        return [bus.parse(line) for line in file.read().splitlines()]


def test_what_is_told_is_read_back(session):
    bus.tell(session, WEB, Lifecycle.DEFINED, "added")
    bus.tell(session, WEB, Lifecycle.STARTED, "booted")
    assert [(event.domain, event.event, event.detail) for event in lines(session)] == [
        (WEB, "defined", "added"),
        (WEB, "started", "booted"),
    ]


def test_on_a_full_disk_the_work_stands_and_no_line_is_torn(session, monkeypatch, caplog):
    bus.tell(session, WEB, Lifecycle.DEFINED, "added")
    write = os.write

    def half(descriptor, data):
        return write(descriptor, data[: len(data) // 2]) if data.startswith(b"{") else write(descriptor, data)

    with monkeypatch.context() as patch, caplog.at_level(logging.WARNING, "polyvisor.local.bus"):
        patch.setattr(os, "write", half)
        bus.tell(session, WEB, Lifecycle.STARTED, "booted")
    assert os.strerror(errno.ENOSPC).lower() in caplog.text.lower()
    bus.tell(session, WEB, Lifecycle.STOPPED, "destroyed")
    assert [event.event for event in lines(session)] == ["defined", "stopped"]
