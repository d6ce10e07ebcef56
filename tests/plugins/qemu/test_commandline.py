"""Nothing from a document gets out of its place on the command line."""

from __future__ import annotations

import json

from polyvisor_qemu.commandline import CommandLine


def test_commas_in_values_are_doubled():
    line = CommandLine("qemu")
    line.option("name", None, guest="a,debug-threads=off", debug_threads=True)
    assert line.arguments == ["qemu", "-name", "guest=a,,debug-threads=off,debug-threads=on"]


def test_what_is_none_is_left_out_and_booleans_are_on_and_off():
    line = CommandLine("qemu")
    line.option("x", "lead", a=None, b=True, c=False, d=0)
    assert line.arguments[1:] == ["-x", "lead,b=on,c=off,d=0"]


def test_json_carries_any_text():
    line = CommandLine("qemu")
    line.device("virtio-blk-pci", {"serial": 'a"b,c\\d', "drive": None})
    assert json.loads(line.arguments[2]) == {"driver": "virtio-blk-pci", "serial": 'a"b,c\\d'}
