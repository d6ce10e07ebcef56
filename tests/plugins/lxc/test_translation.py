"""What liblxc is told for each thing that a document can say: lines of lxc.container.conf(5); no container is run."""

from __future__ import annotations

from typing import Any

import pytest

from polyvisor import model
from polyvisor.errors import UnsupportedConfiguration
from polyvisor.model.domain.devices.filesystem import DirectoryExport, Filesystem, FilesystemTarget
from polyvisor_lxc import links, staging, translation
from polyvisor_lxc.cgroups import Hierarchies
from polyvisor_lxc.live import instance
from polyvisor_lxc.model import CLASSES

CONTROLLERS = "memory cpu cpuacct cpuset blkio devices freezer".split()
V1 = Hierarchies({name: f"/{name}" for name in CONTROLLERS}, None, frozenset())
V2 = Hierarchies({}, "/u", frozenset("cpuset cpu io memory pids".split()))
HYBRID = Hierarchies(dict(V1.v1), "/u", frozenset({"hugetlb"}))
ROOT = "<filesystem type='mount'><source dir='/srv/box'/><target dir='/'/></filesystem>"


def filesystem_at(target: str) -> Filesystem:
    """A file system with that target and nothing else."""
    return Filesystem(source=DirectoryExport(dir="/"), target=FilesystemTarget(dir=target))


def plan(*, os: str = "", more: str = "", devices: str = "", root: str = ROOT, **place: Any) -> translation.Plan:
    """What liblxc is told of a document with these parts."""
    text = f"""<domain type='lxc'><name>box</name><memory unit='MiB'>64</memory>{more}
      <os><type>exe</type><init>/sbin/init</init>{os}</os><devices>{root}{devices}</devices></domain>"""
    config = model.complete("domain", model.parse("domain", text, contributions=CLASSES))
    where = {"hierarchies": V1, "ids": (100000, 65536), "seccomp": "/policy", **place}
    return translation.compose(instance(config, 3), translation.Place(**where))


def lines(found: translation.Plan, beginning: str) -> list[str]:
    """The lines whose key begins so, ``KEY = VALUE``."""
    return [f"{key} = {value}" for key, value in found.lines if key.startswith(beginning)]


# -- the program that is run ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("os", "expected"),
    [
        ("<initenv name='LANG'>C</initenv>", "lxc.environment = LANG=C"),
        ("<initdir>/srv</initdir>", "lxc.init.cwd = /srv"),
        ("<inituser>1000</inituser><initgroup>100</initgroup>", "lxc.init.uid = 1000"),
        ("<inituser>1000</inituser><initgroup>+100</initgroup>", "lxc.init.gid = 100"),
    ],
)
def test_how_init_is_run(os: str, expected: str) -> None:
    assert expected in plan(os=os).text.splitlines()


def test_a_container_knows_its_name_and_uuid() -> None:
    found = lines(plan(more="<uuid>6c1f0c80-0000-4000-8000-000000000001</uuid>"), "lxc.environment")
    assert "lxc.environment = container_uuid=6c1f0c80-0000-4000-8000-000000000001" in found
    assert "lxc.environment = LIBVIRT_LXC_NAME=box" in found


# -- root and mounts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("root", "expected"),
    [
        (ROOT, ["lxc.rootfs.path = dir:/srv/box", "lxc.rootfs.options = idmap=container"]),
        (
            ROOT.replace("<target", "<readonly/><target"),
            ["lxc.rootfs.path = dir:/srv/box", "lxc.rootfs.options = ro,idmap=container"],
        ),
        (
            "<filesystem type='file'><driver type='loop' format='raw'/><source file='/i'/><target dir='/'/>"
            "</filesystem>",
            ["lxc.rootfs.path = dir:IMAGE", "lxc.rootfs.options = idmap=container"],
        ),
        (
            "<filesystem type='block'><source dev='/dev/sdz'/><target dir='/'/></filesystem>",
            ["lxc.rootfs.path = dir:IMAGE", "lxc.rootfs.options = idmap=container"],
        ),
        ("", []),
    ],
)
def test_what_the_root_is(root: str, expected: list[str]) -> None:
    place = staging.place(filesystem_at("/"))
    assert [line.replace(place, "IMAGE") for line in lines(plan(root=root), "lxc.rootfs")] == expected


def test_other_images_than_raw_ones_are_roots_without_ids_of_their_own() -> None:
    root = (
        "<filesystem type='file'><driver type='nbd' format='qcow2'/><source file='/i'/><target dir='/'/></filesystem>"
    )
    relaxed = "<container:confinement xmlns:container='urn:polyvisor:lxc:1' userns='no'/>"
    assert lines(plan(root=root, more=relaxed), "lxc.rootfs") == ["lxc.rootfs.path = nbd:/i"]
    with pytest.raises(UnsupportedConfiguration, match="userns='no'"):
        plan(root=root)


@pytest.mark.parametrize(
    ("device", "expected"),
    [
        ("type='mount'><source dir='/nowhere'/>", "STAGED mnt none bind,create=dir,idmap=container 0 0"),
        ("type='bind'><source dir='/nowhere'/>", "STAGED mnt none bind,create=dir,idmap=container 0 0"),
        (
            "type='mount'><source dir='/nowhere'/><readonly/>",
            "STAGED mnt none bind,create=dir,ro,idmap=container 0 0",
        ),
        ("type='ram'><source usage='4' units='MiB'/>", "tmpfs mnt tmpfs size=4194304,create=dir 0 0"),
        ("type='file'><source file='/i.img'/>", "STAGED mnt none bind,create=dir,idmap=container 0 0"),
        ("type='block'><source dev='/dev/sdz'/><readonly/>", "STAGED mnt none bind,create=dir,ro,idmap=container 0 0"),
    ],
)
def test_how_filesystems_are_mounted(device: str, expected: str) -> None:
    found = plan(devices=f"<filesystem {device}<target dir='/mnt'/></filesystem>")
    expected = expected.replace("STAGED", staging.place(filesystem_at("/mnt")))
    assert f"lxc.mount.entry = {expected}" in lines(found, "lxc.mount.entry")


def test_mapped_file_systems_are_shown_with_the_ids_of_the_document() -> None:
    idmap = "<idmap><uid start='0' target='5000' count='9'/><gid start='0' target='6000' count='9'/></idmap>"
    mapped = "<filesystem accessmode='mapped'><source dir='/nowhere'/><target dir='/mnt'/></filesystem>"
    shown = f"lxc.mount.entry = {staging.place(filesystem_at('/mnt'))} mnt none bind,create=dir,idmap=container 0 0"
    assert shown in lines(plan(more=idmap, devices=mapped), "lxc.mount.entry")
    relaxed = "<container:confinement xmlns:container='urn:polyvisor:lxc:1' userns='no'/>"
    with pytest.raises(UnsupportedConfiguration, match="user namespace"):
        plan(more=relaxed, devices=mapped)


@pytest.mark.parametrize(
    ("filesystem", "why"),
    [
        ("<filesystem type='template'><source name='t'/>", "OpenVZ"),
        ("<filesystem type='volume'><source pool='p' volume='v'/>", "storage pools"),
        ("<filesystem type='file'><driver type='loop' format='qcow2'/><source file='/i'/>", "qemu-img convert -O raw"),
        ("<filesystem type='file'><driver type='nbd' format='qcow2'/><source file='/i'/>", "root only"),
        ("<filesystem type='file'><driver type='ploop'/><source file='/i'/>", "ploop"),
        ("<filesystem type='mount' accessmode='squash'><source dir='/d'/>", "squash"),
        ("<filesystem type='mount' fmode='644'><source dir='/d'/>", "umask"),
        ("<filesystem type='mount' dmode='755'><source dir='/d'/>", "umask"),
        ("<filesystem type='mount' multidevs='remap'><source dir='/d'/>", "9p"),
        ("<filesystem type='mount'><driver type='virtiofs'/><source dir='/d'/>", "virtiofs"),
        ("<filesystem type='mount'><source dir='/d'/><space_hard_limit>9</space_hard_limit>", "OpenVZ"),
    ],
)
def test_file_systems_that_containers_do_not_have_are_refused_with_the_reason(filesystem: str, why: str) -> None:
    with pytest.raises(UnsupportedConfiguration, match=why):
        plan(devices=f"{filesystem}<target dir='/mnt'/></filesystem>")


def test_ids_are_not_shifted_where_the_document_maps_them() -> None:
    idmap = "<idmap><uid start='0' target='5000' count='9'/><gid start='0' target='6000' count='9'/></idmap>"
    found = plan(more=idmap, devices="<filesystem><source dir='/nowhere'/><target dir='/mnt'/></filesystem>")
    assert lines(found, "lxc.idmap") == ["lxc.idmap = u 0 5000 9", "lxc.idmap = g 0 6000 9"]
    assert "idmap=container" not in found.text


def test_users_who_are_not_root_are_the_root_of_their_containers() -> None:
    found = plan(owner=(1000, 100))
    assert lines(found, "lxc.idmap") == [
        "lxc.idmap = u 0 1000 1",
        "lxc.idmap = u 1 100000 65535",
        "lxc.idmap = g 0 100 1",
        "lxc.idmap = g 1 100000 65535",
    ]
    assert "idmap=container" not in found.text, "only root may shift ids"
    assert lines(found, "lxc.cgroup.devices") == [], "only root may say which devices there are"


def test_a_liblxc_that_cannot_shift_ids_is_told_with_what_to_write() -> None:
    with pytest.raises(UnsupportedConfiguration, match=r"liblxc 5.*<idmap>"):
        plan(idmapped_root=False)


# -- networks -------------------------------------------------------------------------------------------------

BRIDGED = """<interface type='bridge'><mac address='52:54:00:00:00:01'/><source bridge='br0'/><target dev='tap9'/>
  <guest dev='eth7'/><mtu size='1400'/><ip address='10.0.0.2' prefix='24'/>
  <ip address='fd00::2' family='ipv6' prefix='64'/>
  <route family='ipv4' address='0.0.0.0' prefix='0' gateway='10.0.0.1'/></interface>"""


def test_an_interface_on_a_bridge() -> None:
    assert set(lines(plan(devices=BRIDGED), "lxc.net")) == {
        "lxc.net.0.type = veth",
        "lxc.net.0.link = br0",
        "lxc.net.0.veth.pair = tap9",
        "lxc.net.0.hwaddr = 52:54:00:00:00:01",
        "lxc.net.0.name = eth7",
        "lxc.net.0.mtu = 1400",
        "lxc.net.0.flags = up",
        "lxc.net.0.ipv4.address = 10.0.0.2/24",
        "lxc.net.0.ipv4.gateway = 10.0.0.1",
        "lxc.net.0.ipv6.address = fd00::2/64",
    }


@pytest.mark.parametrize(
    ("mode", "expected"),
    [("", "vepa"), ("mode='bridge'", "bridge"), ("mode='private'", "private"), ("mode='passthrough'", "passthru")],
)
def test_an_interface_on_a_device_of_the_host(mode: str, expected: str) -> None:
    found = lines(plan(devices=f"<interface type='direct'><source dev='lo' {mode}/></interface>"), "lxc.net")
    assert {"lxc.net.0.type = macvlan", "lxc.net.0.link = lo", f"lxc.net.0.macvlan.mode = {expected}"} <= set(found)


@pytest.mark.parametrize(
    ("model", "mode", "isolation"),
    [("ipvlan", "l3", "bridge"), ("ipvlan-l2", "l2", "private"), ("ipvlan-l3s", "l3s", "vepa")],
)
def test_an_interface_with_the_hardware_address_of_the_device_it_is_on(model: str, mode: str, isolation: str) -> None:
    card = f"<interface type='direct'><source dev='lo' mode='{isolation}'/><model type='{model}'/></interface>"
    assert set(lines(plan(devices=card), "lxc.net")) == {
        "lxc.net.0.type = ipvlan",
        "lxc.net.0.link = lo",
        f"lxc.net.0.ipvlan.mode = {mode}",
        f"lxc.net.0.ipvlan.isolation = {isolation}",
        "lxc.net.0.name = eth0",
        "lxc.net.0.flags = up",
    }


def test_an_ipvlan_interface_passes_nothing_through() -> None:
    card = "<interface type='direct'><source dev='lo' mode='passthrough'/><model type='ipvlan'/></interface>"
    with pytest.raises(UnsupportedConfiguration, match="passthrough"):
        plan(devices=card)


def test_a_device_of_the_host_is_given_away_after_the_interfaces() -> None:
    device = "<hostdev mode='capabilities' type='net'><source><interface>eth5</interface></source></hostdev>"
    found = lines(plan(devices=BRIDGED + device), "lxc.net.1")
    assert found == ["lxc.net.1.type = phys", "lxc.net.1.link = eth5", "lxc.net.1.flags = up"]


def test_routes_and_isolation_come_before_init_by_files_that_hold_nothing_but_commands() -> None:
    card = """<interface type='bridge'><source bridge='br0'/><ip address='10.0.0.2' family='ipv4' prefix='24'/>
      <route family='ipv4' address='0.0.0.0' gateway='10.0.0.1'/>
      <route family='ipv4' address='10.9.0.0' prefix='16' gateway='10.0.0.3' metric='7'/>
      <route family='ipv4' address='10.8.0.0' netmask='255.255.0.0' gateway='10.0.0.3'/>
      <target dev='tap9'/><port isolated='yes'/></interface>"""
    found = plan(devices=card, directory="/run/box")
    assert "lxc.net.0.ipv4.gateway = 10.0.0.1" in found.text
    assert dict(found.files) == {
        "/run/box/ports": "link set dev tap9 isolated on\n",
        "/run/box/routes": "route add 10.9.0.0/16 via 10.0.0.3 dev eth0 metric 7\n"
        "route add 10.8.0.0/16 via 10.0.0.3 dev eth0\n",
    }
    first, second = lines(found, "lxc.hook.start-host")
    assert first.endswith("bridge -batch /run/box/ports 2>> /run/box/complaints")
    assert "--net=/proc/$LXC_PID/ns/net" in second and second.endswith(
        "ip -batch /run/box/routes 2>> /run/box/complaints"
    )


@pytest.mark.parametrize("name", ["a b", "sixteen-letters-x", "a/b", "x\ny", ".", ""])
def test_what_is_no_name_of_a_device_is_refused(name: str) -> None:
    with pytest.raises(UnsupportedConfiguration, match="name of a network device"):
        links.require_name(name)


@pytest.mark.parametrize(
    ("address", "expected"),
    [("10.1.2.3", "/8"), ("172.16.0.1", "/16"), ("192.0.2.1", "/24"), ("fd00::1", "/64")],
)
def test_an_address_without_prefix_has_that_of_its_class(address: str, expected: str) -> None:
    found = lines(plan(devices=f"<interface type='ethernet'><ip address='{address}'/></interface>"), "lxc.net.0.ip")
    assert found[0].endswith(f"{address}{expected}")


@pytest.mark.parametrize(
    ("more", "expected"),
    [("", ["lxc.net.0.type = none"]), ("<features><privnet/></features>", ["lxc.net.0.type = empty"])],
)
def test_a_container_without_interfaces(more: str, expected: list[str]) -> None:
    assert lines(plan(more=more), "lxc.net") == expected


@pytest.mark.parametrize(
    ("share", "expected"),
    [
        ("<lxc:sharenet type='netns' value='red'/>", "lxc.namespace.share.net = /run/netns/red"),
        ("<lxc:shareipc type='pid' value='77'/>", "lxc.namespace.share.ipc = 77"),
        ("<lxc:shareuts type='name' value='other'/>", "lxc.namespace.share.uts = uts of other"),
    ],
)
def test_namespaces_that_are_shared(share: str, expected: str) -> None:
    more = f"<lxc:namespace xmlns:lxc='http://libvirt.org/schemas/domain/lxc/1.0'>{share}</lxc:namespace>"
    assert expected in lines(plan(more=more, namespace=lambda kind, name: f"{kind} of {name}"), "lxc.namespace")


# -- privileges -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("policy", "key", "named", "others"),
    [
        (
            "policy='default'><mknod state='on'/><chown state='off'/>",
            "lxc.cap.drop",
            {"chown", "sys_module"},
            {"mknod"},
        ),
        ("policy='allow'><kill state='off'/>", "lxc.cap.drop", {"kill"}, {"sys_module"}),
        ("policy='deny'><kill state='on'/>", "lxc.cap.keep", {"kill"}, {"chown"}),
        ("policy='deny'>", "lxc.cap.keep", {"none"}, {"chown"}),
    ],
)
def test_capabilities_follow_their_policy(policy: str, key: str, named: set[str], others: set[str]) -> None:
    found = plan(more=f"<features><capabilities {policy}</capabilities></features>")
    (line,) = [value for name, value in found.lines if name.startswith("lxc.cap.")]
    assert lines(found, key)
    assert named <= set(line.split())
    assert not others & set(line.split())


@pytest.mark.parametrize(
    ("label", "kernel", "expected"),
    [
        ("", False, "unconfined"),
        ("", True, "generated"),
        ("<seclabel type='none' model='apparmor'/>", True, "unconfined"),
        ("<seclabel type='static' model='apparmor'><label>mine</label></seclabel>", True, "mine"),
    ],
)
def test_security_labels_where_the_kernel_has_them(label: str, kernel: bool, expected: str) -> None:
    assert lines(plan(more=label, apparmor=kernel), "lxc.apparmor") == [f"lxc.apparmor.profile = {expected}"]


# -- consoles, devices, limits --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        (0, {"lxc.console.path = none", "lxc.tty.max = 0"}),
        (1, {"lxc.console.logfile = /log", "lxc.tty.max = 0"}),
        (3, {"lxc.console.logfile = /log", "lxc.tty.max = 2"}),
    ],
)
def test_consoles(count: int, expected: set[str]) -> None:
    found = plan(devices="<console type='pty'/>" * count, console="/log")
    assert set(lines(found, "lxc.console") + lines(found, "lxc.tty")) == expected


@pytest.mark.parametrize(("where", "prefix"), [(V1, "lxc.cgroup"), (HYBRID, "lxc.cgroup"), (V2, "lxc.cgroup2")])
def test_only_devices_that_are_named_can_be_used(where: Hierarchies, prefix: str) -> None:
    device = "<hostdev mode='capabilities' type='misc'><source><char>/dev/full</char></source></hostdev>"
    found = plan(devices=device, hierarchies=where)
    rules = lines(found, f"{prefix}.devices.")
    assert rules[0] == f"{prefix}.devices.deny = a"
    assert f"{prefix}.devices.allow = c 1:7 rwm" in rules
    assert any("/dev/full dev/full none bind" in line for line in lines(found, "lxc.mount.entry"))


TUNED = """<memtune><hard_limit unit='KiB'>1024</hard_limit><soft_limit unit='KiB'>512</soft_limit>
  <swap_hard_limit unit='KiB'>2048</swap_hard_limit></memtune>
  <cputune><shares>512</shares><period>50000</period><quota>25000</quota></cputune>"""


@pytest.mark.parametrize("where", [V1, HYBRID])
def test_limits_in_version_1_and_where_both_are(where: Hierarchies) -> None:
    found = lines(plan(more=TUNED, hierarchies=where), "lxc.cgroup")
    assert [line for line in found if ".devices." not in line] == [
        "lxc.cgroup.memory.limit_in_bytes = 1048576",
        "lxc.cgroup.memory.soft_limit_in_bytes = 524288",
        "lxc.cgroup.memory.memsw.limit_in_bytes = 2097152",
        "lxc.cgroup.cpu.shares = 512",
        "lxc.cgroup.cpu.cfs_period_us = 50000",
        "lxc.cgroup.cpu.cfs_quota_us = 25000",
    ]


def test_limits_in_version_2() -> None:
    found = lines(plan(more=TUNED, hierarchies=V2), "lxc.cgroup")
    assert [line for line in found if ".devices." not in line] == [
        "lxc.cgroup2.memory.max = 1048576",
        "lxc.cgroup2.memory.high = 524288",
        "lxc.cgroup2.memory.swap.max = 1048576",
        "lxc.cgroup2.cpu.weight = 512",
        "lxc.cgroup2.cpu.max = 25000 50000",
    ]


def test_cpus_are_those_of_the_document() -> None:
    more = "<vcpu cpuset='0-2'>2</vcpu><cputune><vcpupin vcpu='0' cpuset='1'/></cputune>"
    assert "lxc.cgroup.cpuset.cpus = 0-2" in lines(plan(more=more), "lxc.cgroup.cpuset")


# -- what cannot be done --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("device", "named"),
    [
        ("<interface type='user'/>", "user"),
        ("<interface type='bridge'><source bridge='b'/><filterref filter='f'/></interface>", "filterref"),
        ("<interface type='bridge'><source bridge='b'/><virtualport type='openvswitch'/></interface>", "virtualport"),
        ("<interface type='direct'><source dev='lo'/><vlan><tag id='3'/></vlan></interface>", "needs .* on a bridge"),
        (
            "<interface type='direct'><source dev='lo'/><bandwidth><inbound average='9'/></bandwidth></interface>",
            "an end on the host",
        ),
        (
            "<interface type='bridge'><source bridge='b'/><bandwidth><inbound average='9' floor='5'/></bandwidth>"
            "</interface>",
            "guaranteed by nobody",
        ),
        ("<interface type='ethernet'><ip address='10.0.0.2' peer='10.0.0.3'/></interface>", "peer"),
        ("<interface type='ethernet'><source><ip address='10.0.0.2'/></source></interface>", "<ip>"),
        ("<filesystem type='template'><source name='t'/><target dir='/mnt'/></filesystem>", "template"),
        (
            "<hostdev mode='subsystem' type='usb'><source><vendor id='0x1234'/><product id='0x1'/></source></hostdev>",
            "subsystem",
        ),
    ],
)
def test_what_containers_do_not_have_is_refused_by_name(device: str, named: str) -> None:
    with pytest.raises(UnsupportedConfiguration, match=named):
        plan(devices=device)
