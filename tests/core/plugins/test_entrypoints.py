"""Entry points read from metadata on disk, as ``importlib.metadata`` reads them."""

from __future__ import annotations

import sys
import zipfile
from importlib import metadata

import pytest

from polyvisor import entrypoints
from polyvisor.entrypoints import EntryPoint, installed


def distribute(where, name, version, points, *, suffix=".dist-info"):
    info = where / f"{name.replace('-', '_')}-{version}{suffix}"
    info.mkdir(parents=True)
    file = "METADATA" if suffix == ".dist-info" else "PKG-INFO"
    (info / file).write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: not this\n")
    (info / "entry_points.txt").write_text(points)


POINTS = """\
[console_scripts]
acme = acme.cli:main

[polyvisor.drivers]
# schemes
acme = polyvisor_acme.driver:driver
acme-ng=polyvisor_acme.driver:driver [extra]

[polyvisor.drivers.other]
no = no:no
"""


@pytest.mark.parametrize("suffix", [".dist-info", ".egg-info"])
def test_the_points_of_one_group_are_found_with_who_brings_them(tmp_path, suffix):
    distribute(tmp_path, "polyvisor-acme", "1.2", POINTS, suffix=suffix)
    assert installed("polyvisor.drivers", [str(tmp_path)]) == [
        EntryPoint("acme", "polyvisor_acme.driver:driver", "polyvisor-acme", "1.2"),
        EntryPoint("acme-ng", "polyvisor_acme.driver:driver", "polyvisor-acme", "1.2"),
    ]


def test_of_two_of_the_same_distribution_the_earlier_on_the_path_counts(tmp_path):
    distribute(tmp_path / "a", "Polyvisor.Acme", "2", "[polyvisor.drivers]\nacme = new:driver")
    distribute(tmp_path / "b", "polyvisor-acme", "1", "[polyvisor.drivers]\nacme = old:driver")
    found = installed("polyvisor.drivers", [str(tmp_path / "a"), str(tmp_path / "b")])
    assert [(point.value, point.version) for point in found] == [("new:driver", "2")]


def test_paths_that_are_not_there_and_metadata_that_is_broken_do_no_harm(tmp_path):
    distribute(tmp_path, "odd", "1", "[polyvisor.drivers]\nodd = odd:driver")
    (tmp_path / "odd-1.dist-info" / "METADATA").unlink()
    (tmp_path / "bad-1.dist-info").mkdir()
    (tmp_path / "bad-1.dist-info" / "entry_points.txt").write_bytes(b"\xff[polyvisor.drivers]\nbad = bad:bad")
    found = installed("polyvisor.drivers", [str(tmp_path / "nowhere"), str(tmp_path)])
    assert found == [EntryPoint("odd", "odd:driver", "?", "?")]


def test_a_distribution_in_a_zip_file_is_found_too(tmp_path):
    distribute(tmp_path, "acme", "1", "[polyvisor.drivers]\nacme = acme:driver")
    with zipfile.ZipFile(tmp_path / "acme.zip", "w") as archive:
        for file in (tmp_path / "acme-1.dist-info").iterdir():
            archive.write(file, f"acme-1.dist-info/{file.name}")
    found = installed("polyvisor.drivers", [str(tmp_path / "acme.zip")])
    assert found == [EntryPoint("acme", "acme:driver", "acme", "1")]


@pytest.mark.parametrize("group", ["polyvisor.drivers", "console_scripts", "pytest11", "nobody.has.this"])
def test_this_environment_looks_as_importlib_sees_it(group):
    # extras behind a value are for installers; neither reader needs them to load it
    seen = {(point.name, point.value.partition("[")[0].strip()) for point in metadata.entry_points(group=group)}
    assert {(point.name, point.value) for point in installed(group)} == seen


def test_an_import_hook_with_a_search_of_its_own_is_asked(monkeypatch):
    class Finder:
        asked = 0

        @classmethod
        def find_spec(cls, *arguments):
            return None

        @classmethod
        def find_distributions(cls, context):
            cls.asked += 1
            return []

    monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
    assert {point.name for point in entrypoints.installed("polyvisor.drivers")} == {
        point.name for point in metadata.entry_points(group="polyvisor.drivers")
    }
    assert Finder.asked


def test_loading_goes_down_to_the_attribute():
    assert EntryPoint("x", "os:path.join", "x", "1").load() is __import__("os").path.join
