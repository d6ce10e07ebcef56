"""The conformance suite: the questions that every driver is asked, and what a driver's author needs to be asked them.

::

    pip install polyvisor[testing]
    pytest --pyargs polyvisor.testing.conformance --polyvisor-uri acme:///

runs every test whose capabilities the driver declares, and for every operation it does not fill a test that it is
refused with UnsupportedOperation. Nothing is decided by a driver's name.

What the suite must know about the hypervisor stands in a :class:`Target`: the document of a small guest, and the
limits that no operation tells (whether two connections see the same guests, what the guest prints once it is up, how
long to wait). It is found, in this order, as

1. what ``pytest_polyvisor_target(scratch)`` of a ``conftest.py`` returns, in the folder where pytest is started,
2. ``--polyvisor-target module:attribute``,
3. the entry point of group ``polyvisor.conformance`` whose name is the URI's scheme,
4. defaults drawn from the capabilities that the driver reports.

2 and 3 name a Target, or a function that takes a fresh directory (``Path``) and returns one. A URI on the command
line takes the place of theirs. A project's own tests may use the fixtures below too; a fixture ``polyvisor_target`` of
its own counts for them. ``--polyvisor-report FILE`` writes what was found as JSON
(:mod:`polyvisor.testing.report` has its format); a table is printed besides.

How tests are written
---------------------

A test is a function in ``polyvisor/testing/conformance/test_<subject>.py``, typed, that asserts what the docstring of
an operation promises, for whatever hypervisor. It says which capabilities it needs::

    from polyvisor.testing.needs import needs

    @needs("domain.suspend", "start(paused)")
    def test_a_guest_that_starts_paused_is_paused(defined: Domain) -> None:
        defined.start(paused=True)
        assert defined.state().state is DomainState.PAUSED

``needs`` takes capabilities (``domain.suspend``), operations (``suspend``), and operations with options that the
driver has to take (``start(paused)``, ``undefine(nvram, tpm)``). A test whose needs are not met is no test of that
driver: it is counted as unsupported. (So is one that meets an operation which the driver lacks without having said so;
but say so: the report counts what a test says.) What a *hypervisor* may leave out without any operation telling is a
field of Target, and the test asks ``bench.require(target.shared, "...")``. Everything that a fixture needs is required
by the fixture: ``defined`` needs ``domain.define``; a test names only what it calls itself.

==================== ===============================================================================================
fixture              what it is
==================== ===============================================================================================
``target``           the :class:`Target`
``bench``            the :class:`~polyvisor.testing.bench.Bench`: opens connections, makes documents and guests
``connection``       the connection of this test; others come from ``bench.open(...)``
``second_connection`` another one that sees the same guests; skips where connections do not share them
``read_only``        a read-only one that sees the same guests; skips where connections do not share them
``make_guest``       ``make_guest(name=None, *, extra="", devices="") -> Domain``: defines another guest, off
``defined``          a guest that is off
``running``          a guest that runs; no word about whether the system inside is up (``bench.wait_until_up``)
``kit``              the :class:`~polyvisor.testing.equipment.Kit`: devices of ``target.parts`` to plug in, and guests
                     that have them; skips where the hypervisor has none of the kind
``scratch``          a ``Path`` to a directory that both the test and the hypervisor can read and write
``events``           ``events(count, *kinds) ``, the next events of the connection, listening since before the test
==================== ===============================================================================================

Whatever a test makes is destroyed and forgotten after it, however it ended. A test waits on conditions with
``target.patience`` seconds as the limit, never sleeps, and times nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from polyvisor.testing.bench import Bench
    from polyvisor.testing.target import Target

__all__ = ["Bench", "Target"]

_HOMES = {"Bench": "bench", "Target": "target"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'polyvisor.testing' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"polyvisor.testing.{_HOMES[name]}"), name)
