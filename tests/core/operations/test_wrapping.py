"""Wrappers mean the same under a pluggy that does not have them yet."""

from __future__ import annotations

import pluggy
import pytest

from polyvisor.operations.wrapping import outcome_wrapper

hookspec = pluggy.HookspecMarker("polyvisor")
hookimpl = pluggy.HookimplMarker("polyvisor")


class Hooks:
    @hookspec(firstresult=True)
    def work(self, size, colour):
        """What is wrapped."""


class Driver:
    @hookimpl
    def work(self, size):
        if size < 0:
            raise ValueError("too small")
        return size


def manager(*wrappers):
    """A manager with the driver and wrappers of the older kind, the last of them outermost."""
    found = pluggy.PluginManager("polyvisor")
    found.add_hookspecs(Hooks)
    found.register(Driver())
    for wrapper in wrappers:
        holder = type("Extension", (), {"work": hookimpl(hookwrapper=True)(outcome_wrapper(wrapper))})
        found.register(holder())
    return found.hook


def test_it_sees_the_arguments_and_the_result_and_may_change_the_result():
    def double(self, size, colour):
        result = yield
        return f"{colour} {result * 2} for {size}"

    assert manager(double).work(size=3, colour="red") == "red 6 for 3"


def test_it_sees_an_exception_and_may_answer_it():
    def forgiving(self):
        try:
            return (yield)
        except ValueError as error:
            return str(error)

    assert manager(forgiving).work(size=-1, colour="red") == "too small"


def test_those_further_out_see_the_exception_it_raises():
    seen = []

    def refusing(self, size):
        yield
        raise PermissionError(size)

    def auditing(self):
        try:
            return (yield)
        except PermissionError as error:
            seen.append(error.args)
            raise

    with pytest.raises(PermissionError):
        manager(refusing, auditing).work(size=3, colour="red")
    assert seen == [(3,)]


def test_what_is_refused_before_the_call_never_reaches_the_driver():
    def refusing(self, size):
        raise PermissionError(size)
        yield

    with pytest.raises(PermissionError):
        manager(refusing).work(size=3, colour="red")


def test_a_second_yield_is_a_fault():
    def restless(self):
        yield
        yield

    with pytest.raises(RuntimeError, match="second yield"):
        manager(restless).work(size=3, colour="red")
