"""What virsh's options of ``migrate`` mean as a plan."""

from __future__ import annotations

import pytest

from polyvisor.cli.migration import migrate, plan_of
from polyvisor.operations.migration import MigrationPlan


def plan(*words):
    """The plan that a command line comes to."""
    ctx = migrate.make_context("migrate", ["web", "qemu+ssh://there/system", *words])
    others = ("domain", "desturi", "live", "p2p", "direct", "verbose")
    return plan_of({name: value for name, value in ctx.params.items() if name not in others})


def test_without_options_it_is_the_plain_plan():
    assert plan() == plan("--live", "--p2p", "--verbose") == MigrationPlan()


@pytest.mark.parametrize(
    ("words", "fields"),
    [
        ("--persistent --undefinesource --suspend", {"persist": True, "undefine_source": True, "paused": True}),
        ("--copy-storage-all", {"copy_storage": "all"}),
        ("--copy-storage-inc --migrate-disks vda,vdb", {"copy_storage": "incremental", "disks": ("vda", "vdb")}),
        ("--bandwidth 10 --postcopy-bandwidth 20", {"bandwidth": 10 << 20, "post_copy_bandwidth": 20 << 20}),
        ("--parallel", {"connections": 2}),
        ("--parallel --parallel-connections 8", {"connections": 8}),
        ("--compressed", {"compression": ("xbzrle",)}),
        ("--compressed --comp-methods zstd,mt", {"compression": ("zstd", "mt")}),
        ("--dname other --migrateuri tcp://a:1", {"name": "other", "uri": "tcp://a:1"}),
        (
            "--postcopy --rdma-pin-all --zerocopy --tls",
            {"post_copy": True, "pin_memory": True, "zero_copy": True, "tls": True},
        ),
        ("--offline --unsafe --abort-on-error", {"offline": True, "unsafe": True, "abort_on_error": True}),
        ("--disks-port 49152 --listen-address ::1", {"disks_port": 49152, "listen_address": "::1"}),
        ("--comp-mt-level 3 --change-protection", {"options": {"comp_mt_level": 3, "change_protection": True}}),
    ],
)
def test_each_option_finds_its_place(words, fields):
    assert plan(*words.split()) == MigrationPlan(**fields)


def test_documents_are_read_from_their_files(tmp_path):
    (tmp_path / "a.xml").write_text("<domain/>")
    assert plan("--xml", str(tmp_path / "a.xml")).xml == "<domain/>"
