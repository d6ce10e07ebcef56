"""What the conformance suite has to know about LXC: its container is a shell in a root that holds busybox alone."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from polyvisor.errors import UnsupportedConfiguration
from polyvisor.testing import Target
from polyvisor.testing.equipment import Parts

BANNER = "container ready"
"""What the container prints once it listens."""

SCRIPT = f"""#!/bin/sh
# Says that it is there, repeats what it hears, and ends or reboots when it is asked to.
trap 'exit 0' TERM
trap 'busybox reboot -f' INT
trap ':' WINCH
stty raw -echo 2> /dev/null
exec 3<&0
cat <&3 &
echo {BANNER}
while :; do
    wait $!
    sleep 3600 3<&- &
done
"""

APPLETS = (
    "sh",
    "cat",
    "sleep",
    "stty",
    "reboot",
    "poweroff",
    "ls",
    "id",
    "mount",
    "ip",
    "hostname",
    "env",
    "touch",
    "ps",
)

GUEST = """
<domain type='lxc'>
  <name>guest</name>
  <memory unit='KiB'>65536</memory>
  <vcpu>1</vcpu>
  <os><type>exe</type><init>/init</init></os>
  <features><privnet/></features>
  <devices>
    <filesystem type='mount'><source dir='{root}'/><target dir='/'/></filesystem>
    <console type='pty'/>
  </devices>
  <container:signals xmlns:container='urn:polyvisor:lxc:1' halt='term' reboot='int'/>
</domain>
"""


def make_root(directory: Path) -> Path:
    """A root with a static busybox, its applets and the container's init.

    Raises UnsupportedConfiguration on a host without busybox."""
    busybox = shutil.which("busybox")
    if busybox is None:
        raise UnsupportedConfiguration(
            "busybox is not installed", driver="lxc", hint="Debian: apt install busybox-static"
        )
    for name in ("bin", "dev", "etc", "proc", "root", "run", "sys", "tmp", "var"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    shutil.copy2(busybox, directory / "bin" / "busybox")
    for applet in APPLETS:
        (directory / "bin" / applet).symlink_to("busybox")
    (directory / "etc" / "passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    init = directory / "init"
    init.write_text(SCRIPT)
    init.chmod(0o755)
    return directory


SHARED_IDS = "<container:confinement xmlns:container='urn:polyvisor:lxc:1' userns='no'/>"
"""Part of a document: the ids of the container are those of the host."""

SAVES = (
    "save.to-file",
    "save.restore",
    "save.image-edit",
    "save.image-edit.set",
    "managedsave.save",
    "managedsave.has",
    "managedsave.remove",
    "managedsave.edit",
    "managedsave.edit.set",
)
"""What needs CRIU, a container without a console, and one whose root belongs to its ids."""


def target(scratch: Path) -> Target:
    """Containers under a root of their own in ``scratch``."""
    lacking = dict.fromkeys(SAVES, "liblxc does not restore the console of the container; see quiet_target")
    return _target(scratch, GUEST, BANNER, lacking)


def quiet_target(scratch: Path) -> Target:
    """Such containers without consoles and without ids of their own, which can be saved where CRIU works."""
    from polyvisor_lxc import criu

    found = criu.check()
    guest = GUEST.replace("<console type='pty'/>", "").replace("</domain>", f"{SHARED_IDS}</domain>")
    return _target(scratch, guest, "", {} if found.possible else dict.fromkeys(SAVES, found.why))


def _target(scratch: Path, guest: str, banner: str, lacking: dict[str, str]) -> Target:
    place = tempfile.mkdtemp(prefix="pv", dir=scratch)

    def document(name: str, uuid: str) -> str:
        return guest.format(root=make_root(Path(tempfile.mkdtemp(prefix="root", dir=scratch))))

    return Target(
        uri=f"lxc:///embed?root={place}",
        document=document,
        processes=True,
        banner=banner.encode(),
        boot_seconds=30.0,
        real_disks=False,
        balloons=False,
        lacking=lacking,
        stored_only=frozenset({"set_vcpu_count"}),
        parts=Parts(
            disk="",
            cdrom="",
            interface="<interface type='ethernet'><mac address='{mac}'/></interface>",
            balloon="",
            graphics="",
            agent="",
        ),
    )
