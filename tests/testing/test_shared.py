"""What the suite asks only where connections share their guests holds for the in-memory driver too."""

from __future__ import annotations

from asking import ask
from shared import SHARED, SharedDriver

SHARING = {"second_connection", "read_only"}


def test_a_driver_whose_connections_share_their_guests_passes():
    driver = SharedDriver()
    about_sharing = lambda item: bool(SHARING & set(item.fixturenames))  # noqa: E731
    outcomes = ask(driver, SHARED, wanted=about_sharing)
    assert outcomes.why == {}
    passed = [test for test, outcome in outcomes.found.items() if outcome == "passed"]
    assert len(passed) >= 60


def test_whatever_a_test_leaves_is_cleared_away():
    driver = SharedDriver()
    before = set(driver.node.machines)
    outcomes = ask(driver, SHARED, ["test_lifecycle.py", "test_saving.py", "test_snapshots.py", "test_connection.py"])
    assert set(driver.node.machines) == before
    assert driver.sessions == []
    assert [test for test in outcomes.why if "parameter_of_the_uri" not in test] == []
