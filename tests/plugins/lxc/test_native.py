"""Configuration files of liblxc read and written: a document means the same after both."""

from __future__ import annotations

import logging
import re

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from polyvisor import model
from polyvisor.errors import InvalidArgument, UnsupportedConfiguration
from polyvisor.model.domain import Domain
from polyvisor_lxc import configfile, exporting, importing
from polyvisor_lxc.filesystems import entry
from polyvisor_lxc.model import CLASSES, Namespaces
from polyvisor_lxc.sections import is_ipvlan

BASE = "lxc.uts.name = web\nlxc.rootfs.path = /srv/web\n"


def imported(text: str) -> Domain:
    return importing.from_configuration(text)


def document(inside: str = "", devices: str = "", attributes: str = "") -> Domain:
    text = f"""
    <domain type='lxc'{attributes}><name>web</name><memory>65536</memory>{inside}
      <os><type>exe</type><init>/sbin/init</init></os>
      <devices><filesystem><source dir='/srv/web'/><target dir='/'/></filesystem>{devices}</devices>
    </domain>"""
    config = model.parse("domain", text, contributions=CLASSES)
    assert isinstance(config, Domain)
    return model.complete("domain", config)


def settings(config: Domain, **host: object) -> list[tuple[str, str]]:
    return exporting.settings(config, exporting.Host(**host))  # type: ignore[arg-type]


def again(config: Domain, version: int) -> Domain:
    """``config`` written for a liblxc, read again."""
    read = imported(configfile.write(exporting.settings(config), version=version))
    read.uuid = config.uuid
    return model.complete("domain", read)


# -- reading ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("old, new", sorted(configfile.RENAMED.items()))
def test_keys_have_their_old_and_their_new_names(old: str, new: str) -> None:
    assert configfile.parse(f"{old} = 1").get(new) == "1"
    assert configfile.write([(new, "1")], version=2) == f"{old} = 1\n"


def test_sections_follow_their_type_before_liblxc_3_and_their_number_since() -> None:
    old = "lxc.network.type = veth\nlxc.network.link = br0\nlxc.network.type = empty\n"
    new = "lxc.net.1.type = empty\nlxc.net.0.type = veth\nlxc.net.0.link = br0\n"
    for text in (old, new):
        read = configfile.parse(text)
        assert [(read.networks[n].get("type"), read.networks[n].get("link")) for n in (0, 1)] == [
            ("veth", "br0"),
            ("empty", None),
        ]


def test_an_empty_value_takes_back_what_stood_before() -> None:
    config = imported(BASE + "lxc.cap.drop = mknod\nlxc.cap.drop =\nlxc.cap.drop = sys_time\n")
    assert config.features and config.features.capabilities
    assert config.features.capabilities.mknod is None
    assert config.features.capabilities.sys_time is not None


@pytest.mark.parametrize(
    "text, words",
    [
        ("lxc.uts.name web", "line 1"),
        ("lxc.include = /etc/lxc/default.conf", "reads no other files"),
        ("lxc.network.link = br0", "before any lxc.network.type"),
        ("lxc.net.x.type = veth", "lxc.net.NUMBER.NAME"),
        ("lxc.rootfs.path = /srv", "lxc.uts.name"),
        (BASE + "lxc.idmap = u 0 100000", "three numbers"),
        (BASE + "lxc.arch = z80", "no architecture"),
        (BASE + "lxc.net.0.type = tunnel", "no type of network"),
        (BASE + "lxc.net.0.link = br0", "has no type"),
        (BASE + "lxc.net.0.type = phys", "needs a link"),
        (BASE + "lxc.net.0.type = vlan\nlxc.net.0.link = eth0", "vlan.id"),
        (BASE + "lxc.net.0.type = veth\nlxc.net.0.ipv4.address = 1.2.3", "no ipv4 address"),
        (BASE + "lxc.tty.max = many", "whole number"),
        (BASE + "lxc.cgroup.memory.limit_in_bytes = lots", "a size is expected"),
        (BASE + "lxc.cgroup.blkio.throttle.read_bps_device = sda 5", "MAJOR:MINOR"),
        (BASE + "lxc.cgroup2.io.max = 8:0 speed=5", "none of rbps"),
        (BASE + "lxc.mount.entry = /a b", "fstab"),
    ],
)
def test_what_cannot_be_right_is_refused_by_name(text: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match=re.escape(words)):
        imported(text)


@pytest.mark.parametrize(
    "line, words",
    [
        ("lxc.mount.fstab = /etc/fstab.web", "lxc.mount.entry"),
        ("lxc.namespace.share.pid = 7", "lxc.namespace.share.pid"),
        ("lxc.namespace.keep = ipc", "ipc"),
        ("lxc.rootfs.path = overlay:/a:/b", "overlay"),
        ("lxc.net.0.type = veth\nlxc.net.0.veth.mode = router", "router"),
        ("lxc.net.0.type = veth\nlxc.net.0.ipv4.gateway = auto", "gateway = auto"),
        ("lxc.mount.entry = tmpfs tmp tmpfs size=50%", "50%"),
    ],
)
def test_what_a_document_cannot_say_is_refused_by_name(line: str, words: str) -> None:
    with pytest.raises(UnsupportedConfiguration, match=re.escape(words)):
        imported(BASE + line)


def test_a_root_has_to_be_named() -> None:
    with pytest.raises(UnsupportedConfiguration, match="shares the root of the host"):
        imported("lxc.uts.name = web")


def test_keys_without_a_place_in_a_document_are_told_to_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        imported(BASE + "lxc.autodev = 1\nlxc.sysctl.kernel.msgmax = 1\n")
    assert [record.getMessage() for record in caplog.records] == [
        "line 4: a domain document has no place for lxc.sysctl.kernel.msgmax; left out"
    ]


def test_both_versions_of_control_groups_are_understood() -> None:
    old = imported(BASE + "lxc.cgroup.memory.limit_in_bytes = 1G\nlxc.cgroup.memory.memsw.limit_in_bytes = 3G\n")
    new = imported(BASE + "lxc.cgroup2.memory.max = 1G\nlxc.cgroup2.memory.swap.max = 2G\n")
    assert old.memtune == new.memtune
    assert old.memtune and old.memtune.swap_hard_limit and old.memtune.swap_hard_limit.kib == 3 << 20


# -- there and back --------------------------------------------------------------------------------------------

DEVICES = [
    "<interface type='bridge'><mac address='00:16:3e:00:00:01'/><source bridge='br0'/><ip address='192.0.2.5' "
    "family='ipv4' prefix='24'/><route family='ipv4' address='0.0.0.0' gateway='192.0.2.1'/><target dev='veth7'/>"
    "<guest dev='eth0'/><link state='up'/><mtu size='1400'/></interface>",
    "<interface type='direct'><mac address='00:16:3e:00:00:02'/><source dev='eth0' mode='passthrough'/>"
    "<link state='down'/></interface>",
    "<interface type='direct'><mac address='00:16:3e:00:00:03'/><source dev='eth0' mode='private'/>"
    "<model type='ipvlan-l2'/><link state='up'/></interface>",
    "<hostdev mode='capabilities' type='net'><source><interface>eth3</interface></source></hostdev>",
    "<hostdev mode='capabilities' type='misc'><source><char>/dev/char/10:229</char></source></hostdev>",
    "<hostdev mode='capabilities' type='storage'><source><block>/dev/block/8:16</block></source></hostdev>",
    "<filesystem type='mount' accessmode='passthrough'><source dir='/srv/my data'/><target dir='/data'/><readonly/>"
    "</filesystem>",
    "<filesystem type='ram' accessmode='passthrough'><source usage='1024' units='KiB'/><target dir='/tmp'/>"
    "</filesystem>",
    "<filesystem type='block' accessmode='passthrough'><source dev='/dev/vdb1'/><target dir='/var'/></filesystem>",
    "<filesystem type='file' accessmode='passthrough'><source file='/srv/disk.img'/><target dir='/opt'/></filesystem>",
    "<console type='pty'><target type='lxc' port='0'/></console>",
]

INSIDE = [
    "<idmap><uid start='0' target='100000' count='65536'/><gid start='0' target='200000' count='65536'/></idmap>",
    "<features><privnet/><capabilities policy='allow'><mknod state='off'/></capabilities></features>",
    "<features><privnet/><capabilities policy='deny'><net_raw state='on'/></capabilities></features>",
    "<memtune><hard_limit>524288</hard_limit><swap_hard_limit>1048576</swap_hard_limit></memtune>",
    "<cputune><shares>512</shares><period>100000</period><quota>50000</quota></cputune>",
    "<vcpu placement='static' cpuset='0-1'>1</vcpu><numatune><memory mode='strict' nodeset='0'/></numatune>",
    "<blkiotune><weight>500</weight><device><path>/dev/block/8:0</path><weight>300</weight>"
    "<read_bytes_sec>1000</read_bytes_sec></device></blkiotune>",
    "<seclabel type='static' model='apparmor' relabel='no'><label>lxc-web</label></seclabel>",
]


def same(first: Domain, second: Domain) -> bool:
    """Whether both say the same of what a configuration file can say."""
    pictures = []
    for config in (first, second):
        config = config.copy()
        config.memory = config.current_memory = config.clock = None
        config.on_poweroff = config.on_reboot = config.on_crash = None
        for interface in config.devices.interfaces:
            if is_ipvlan(interface):
                interface.mac = None  # the address of the card that it is on, which no file says
        pictures.append(model.format(config))
    return pictures[0] == pictures[1]


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("device", DEVICES)
def test_a_device_survives_the_way_there_and_back(device: str, version: int) -> None:
    start = imported(configfile.write(exporting.settings(document(devices=device))))
    start = model.complete("domain", start)
    assert same(again(start, version), start)
    written = settings(document(devices=device))
    assert written == settings(start) or "capabilities" not in device


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("inside", INSIDE)
def test_the_rest_of_a_document_survives_the_way_there_and_back(inside: str, version: int) -> None:
    config = document(inside)
    assert settings(again(config, version)) == settings(config)


@given(
    devices=st.lists(st.sampled_from(DEVICES[3:]), unique=True, max_size=5),
    inside=st.lists(st.sampled_from([INSIDE[0], INSIDE[3], INSIDE[4], INSIDE[6]]), unique=True, max_size=4),
    version=st.sampled_from([2, 3]),
)
def test_any_of_them_together_survive(devices: list[str], inside: list[str], version: int) -> None:
    config = document("".join(inside), "".join(devices))
    assert sorted(settings(again(config, version))) == sorted(settings(config))


# -- any configuration file ------------------------------------------------------------------------------------

PATHS = st.from_regex(r"/[a-z][a-z0-9 ._-]{0,12}[a-z]", fullmatch=True)
NUMBERS = st.integers(1, 1 << 40)
OCTETS = st.integers(1, 254)
ADDRESSES = st.builds("10.{}.{}.{}/{}".format, OCTETS, OCTETS, OCTETS, st.integers(8, 30))
DEVICE_NAMES = st.from_regex(r"[a-z]{2,8}[0-9]", fullmatch=True)
LATER = st.fixed_dictionaries(
    {},
    optional={
        "hwaddr": st.builds("00:16:3e:{:02x}:{:02x}:01".format, OCTETS, OCTETS),
        "name": DEVICE_NAMES,
        "mtu": st.integers(576, 9000),
        "flags": st.just("up"),
        "ipv4.address": ADDRESSES,
        "ipv4.gateway": st.builds("10.{}.0.1".format, OCTETS),
        "ipv6.address": st.builds("fd00::{:x}/64".format, OCTETS),
    },
)
SECTIONS = st.one_of(
    st.tuples(st.builds(lambda link: {"type": "veth", "link": link}, DEVICE_NAMES), LATER),
    st.tuples(
        st.builds(
            lambda link, mode: {"type": "macvlan", "link": link, "macvlan.mode": mode},
            DEVICE_NAMES,
            st.sampled_from(["private", "vepa", "bridge", "passthru"]),
        ),
        LATER,
    ),
    st.tuples(st.builds(lambda link: {"type": "phys", "link": link, "flags": "up"}, DEVICE_NAMES), st.just({})),
)
LIMITS = {
    False: {
        "lxc.cgroup.memory.limit_in_bytes": NUMBERS.map(lambda number: number * 1024),
        "lxc.cgroup.memory.soft_limit_in_bytes": NUMBERS.map(lambda number: number * 1024),
        "lxc.cgroup.cpu.shares": st.integers(2, 262144),
        "lxc.cgroup.cpu.cfs_period_us": st.integers(1000, 1000000),
        "lxc.cgroup.cpu.cfs_quota_us": st.one_of(st.just(-1), st.integers(1000, 1000000)),
        "lxc.cgroup.cpuset.cpus": st.sampled_from(["0", "0-3", "1,3"]),
        "lxc.cgroup.blkio.throttle.read_bps_device": st.builds("8:0 {}".format, NUMBERS),
    },
    True: {
        "lxc.cgroup2.memory.max": NUMBERS.map(lambda number: number * 1024),
        "lxc.cgroup2.memory.high": NUMBERS.map(lambda number: number * 1024),
        "lxc.cgroup2.memory.min": NUMBERS.map(lambda number: number * 1024),
        "lxc.cgroup2.cpu.weight": st.integers(1, 10000),
        "lxc.cgroup2.cpu.max": st.builds("{} 100000".format, st.integers(1000, 1000000)),
        "lxc.cgroup2.cpuset.mems": st.sampled_from(["0", "0-1"]),
        "lxc.cgroup2.io.weight": st.builds("default {}".format, st.integers(100, 1000)),
        "lxc.cgroup2.io.max": st.builds("8:0 wiops={}".format, NUMBERS),
    },
}
MOUNTS = st.one_of(
    st.builds(lambda source, target: (source, target, "none", ["rbind", "rw", "create=dir"]), PATHS, PATHS),
    st.builds(
        lambda size, target: ("tmpfs", target, "tmpfs", ["ro", f"size={size * 1024}", "nosuid", "nodev", "create=dir"]),
        st.integers(1, 1 << 20),
        PATHS,
    ),
)


@st.composite
def files(draw: st.DrawFn) -> tuple[bool, list[tuple[str, str]]]:
    """The lines of a configuration file, and whether they are for control groups of version 2."""
    unified = draw(st.booleans())
    lines = [("lxc.uts.name", "web"), ("lxc.init.cmd", "/sbin/init")]
    lines += [
        ("lxc.environment", f"A={word}") for word in draw(st.lists(st.sampled_from(["x", "a b", "1=2"]), max_size=2))
    ]
    lines += [("lxc.idmap", f"{kind} 0 {draw(NUMBERS) % 1000000} 65536") for kind in draw(st.sampled_from(["", "ug"]))]
    lines += draw(st.sampled_from([[("lxc.cap.keep", "net_raw sys_time")], [("lxc.cap.drop", "mknod sys_boot")]]))
    lines += [("lxc.rootfs.path", "dir:" + draw(PATHS))]
    lines += draw(st.sampled_from([[], [("lxc.rootfs.options", "ro")]]))
    mounts = draw(st.lists(MOUNTS, max_size=3, unique_by=lambda mount: mount[1]))
    lines += [("lxc.mount.entry", entry(*mount)) for mount in mounts]
    sections = draw(st.lists(SECTIONS, max_size=3))
    sections.sort(key=lambda section: section[0]["type"] == "phys")  # a document has devices of the host apart
    for number, (kind, more) in enumerate(sections):
        lines += [(f"lxc.net.{number}.{key}", str(value)) for key, value in {**kind, **more}.items()]
    limits = draw(st.fixed_dictionaries({}, optional=LIMITS[unified]))
    return unified, lines + [(key, str(value)) for key, value in limits.items()]


@examples(max_examples=40, deadline=None)
@given(file=files(), version=st.sampled_from([2, 3]))
def test_any_configuration_file_means_the_same_after_it_was_a_document(
    file: tuple[bool, list[tuple[str, str]]], version: int
) -> None:
    unified, lines = file
    config = imported(configfile.write(lines, version=version))
    written = configfile.write(settings(config, unified=unified), version=version)
    assert set(configfile.write(lines, version=version).splitlines()) <= {*written.splitlines()}
    assert configfile.write(settings(imported(written), unified=unified), version=version) == written


def test_shared_namespaces_survive() -> None:
    inside = (
        "<lxc:namespace xmlns:lxc='http://libvirt.org/schemas/domain/lxc/1.0'><lxc:sharenet type='netns' value='red'/>"
        "<lxc:shareipc type='pid' value='12'/><lxc:shareuts type='name' value='c1'/></lxc:namespace>"
    )
    (read,) = again(document(inside), 3).extensions
    assert isinstance(read, Namespaces) and read.sharenet and read.shareipc and read.shareuts
    assert (read.sharenet.type, read.sharenet.value) == ("netns", "red")
    assert (read.shareipc.type, read.shareipc.value) == ("pid", "12")
    assert (read.shareuts.type, read.shareuts.value) == ("name", "c1")


# -- writing ---------------------------------------------------------------------------------------------------


def test_a_container_without_interfaces_uses_the_hosts_network_unless_it_asks_for_its_own() -> None:
    assert ("lxc.net.0.type", "none") in settings(document())
    assert ("lxc.net.0.type", "empty") in settings(document("<features><privnet/></features>"))


def test_limits_are_written_for_the_hosts_version_of_control_groups() -> None:
    config = document(INSIDE[3] + INSIDE[4])
    assert ("lxc.cgroup.memory.memsw.limit_in_bytes", str(1 << 30)) in settings(config)
    unified = settings(config, unified=True)
    assert ("lxc.cgroup2.memory.swap.max", str(1 << 29)) in unified
    assert ("lxc.cgroup2.cpu.max", "50000 100000") in unified
    assert not [key for key, _ in unified if key.startswith("lxc.cgroup.")]


@pytest.mark.parametrize(
    "config, words",
    [
        ({"devices": "<interface type='network'><source network='blue'/></interface>"}, "blue"),
        ({"devices": "<interface type='user'/>"}, "type user"),
        ({"devices": "<filesystem type='template'><source name='t'/><target dir='/t'/></filesystem>"}, "template"),
        (
            {"devices": "<hostdev mode='capabilities' type='misc'><source><char>/dev/fuse</char></source></hostdev>"},
            "/dev/fuse",
        ),
        ({"inside": "<memtune><min_guarantee>1024</min_guarantee></memtune>"}, "version 2"),
    ],
)
def test_what_liblxc_cannot_do_is_refused_by_name(config: dict[str, str], words: str) -> None:
    with pytest.raises(UnsupportedConfiguration, match=re.escape(words)):
        settings(document(**config))


def test_nothing_of_a_document_becomes_a_line_of_its_own() -> None:
    config = document()
    config.os.init_arguments = ["a\nlxc.hook.pre-start = /bin/evil"]
    with pytest.raises(InvalidArgument, match="line break"):
        configfile.write(settings(config))


def test_when_it_starts_with_the_host_survives() -> None:
    from polyvisor.operations.startplace import NAMESPACE, StartPlace, read_start_place

    text = "lxc.uts.name = box\nlxc.rootfs.path = dir:/srv/box\nlxc.start.order = 7\nlxc.start.delay = 3\n"
    found = imported(text)
    assert found.metadata is not None
    assert read_start_place(found.metadata.get(NAMESPACE) or "") == StartPlace(7, 3)
    lines = settings(found)
    assert ("lxc.start.order", "7") in lines
    assert ("lxc.start.delay", "3") in lines


def test_a_start_that_is_no_number_is_refused() -> None:
    with pytest.raises(InvalidArgument, match=r"lxc\.start\.order 'soon'"):
        imported("lxc.uts.name = box\nlxc.rootfs.path = dir:/srv/box\nlxc.start.order = soon\n")
