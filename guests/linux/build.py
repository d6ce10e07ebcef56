#!/usr/bin/env python3
"""Build the Linux guest: Debian's cloud kernel and an initramfs of busybox, for tests that need an operating system.

    guests/linux/build.py [DIRECTORY]        (build/linux-guest when left out)

Writes ``vmlinuz``, ``initramfs`` and ``cmdline`` there, and does nothing when they are up to date. The kernel's
package is downloaded by apt (which checks its signature) and unpacked, not installed; no root is needed. The guest
needs 128 MiB, prints "Polyvisor Linux guest ready" on its first serial port, answers there with a root shell, takes an
address by DHCP when it has a network card, and powers off on the ACPI power button.

Needs apt and dpkg (Debian or a derivative with that kernel package), busybox-static and cpio.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
DEFAULT = HERE.parent.parent / "build" / "linux-guest"
KERNEL = {"x86_64": "linux-image-cloud-amd64", "aarch64": "linux-image-cloud-arm64"}
CONSOLE = {"x86_64": "ttyS0", "aarch64": "ttyAMA0"}

MODULES = (
    "virtio_pci virtio_mmio virtio_blk virtio_scsi sd_mod sr_mod virtio_net virtio_console virtio_balloon virtio_rng"
    " virtio_input virtio_mem 9pnet_virtio 9p virtiofs vmw_vsock_virtio_transport ahci e1000 button evdev qemu_fw_cfg"
    " pvpanic-pci i6300esb isofs"
).split()
"""What the guest loads, with what each depends on; those that this kernel has built in or has not are passed over."""


def main() -> int:
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    if missing := [tool for tool in ("apt-get", "apt-cache", "dpkg-deb", "busybox", "cpio") if not shutil.which(tool)]:
        print(f"missing: {', '.join(missing)}; on Debian: apt-get install busybox-static cpio", file=sys.stderr)
        return 1
    package = kernel_package()
    stamp = fingerprint(package)
    if (target / "stamp").is_file() and (target / "stamp").read_text() == stamp:
        print(f"{target} is up to date ({package})")
        return 0
    target.mkdir(parents=True, exist_ok=True)
    (target / "stamp").unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=target) as scratch:
        kernel = unpack(package, Path(scratch))
        (image,) = (kernel / "boot").glob("vmlinuz-*")
        root = Path(scratch) / "root"
        lay_out(root, kernel)
        pack(root, target / "initramfs")
        shutil.copy(image, target / "vmlinuz")
    (target / "cmdline").write_text(f"console={CONSOLE[platform.machine()]} quiet panic=-1\n")
    (target / "stamp").write_text(stamp)
    print(f"{target} holds vmlinuz ({package}), initramfs and cmdline")
    return 0


def kernel_package() -> str:
    """The package that the meta package of this architecture's cloud kernel stands for now."""
    meta = KERNEL.get(platform.machine())
    if meta is None:
        raise SystemExit(f"no kernel is known for {platform.machine()}; known: {', '.join(KERNEL)}")
    depends = run("apt-cache", "depends", "--no-recommends", "--no-suggests", meta)
    found = re.search(r"Depends: (linux-image-\S+)", depends)
    if found is None:
        raise SystemExit(f"apt knows no package {meta}; run apt-get update, or add Debian's main archive")
    return found[1]


def fingerprint(package: str) -> str:
    """Changes when the kernel, busybox, or anything beside this script does."""
    busybox = os.stat(shutil.which("busybox") or "busybox")
    digest = hashlib.sha256()
    for source in sorted(HERE.iterdir()):
        if source.is_file():
            digest.update(source.read_bytes())
    return f"{package} {busybox.st_size} {int(busybox.st_mtime)} {digest.hexdigest()}\n"


def unpack(package: str, scratch: Path) -> Path:
    """Download the package and take it apart; returns the root of its files."""
    run("apt-get", "download", package, cwd=scratch)
    (archive,) = scratch.glob("*.deb")
    run("dpkg-deb", "-x", str(archive), str(scratch / "kernel"))
    return scratch / "kernel"


def lay_out(root: Path, kernel: Path) -> None:
    """Fill ``root`` with what the initramfs holds."""
    for directory in ("bin", "dev", "proc", "sys", "tmp", "etc/acpi/PWRF", "lib/modules"):
        (root / directory).mkdir(parents=True)
    shutil.copy(shutil.which("busybox") or "busybox", root / "bin/busybox")
    for source, place in (("init", "init"), ("power-button", "etc/acpi/PWRF/00000080"), ("udhcpc", "etc/udhcpc")):
        shutil.copy(HERE / source, root / place)
        (root / place).chmod(0o755)
    order = in_order(MODULES, {path.stem: path for path in kernel.glob("lib/modules/*/kernel/**/*.ko")})
    for module in order:
        shutil.copy(module, root / "lib/modules")
    (root / "lib/modules/order").write_text("".join(f"{module.name}\n" for module in order))


def in_order(wanted: list[str], available: dict[str, Path]) -> list[Path]:
    """The files of ``wanted`` modules and of all they depend on, each after what it needs."""
    files = {name.replace("-", "_"): path for name, path in available.items()}
    order: dict[str, Path] = {}

    def add(name: str) -> None:
        path = files.get(name)
        if path is None or name in order:
            return
        for needed in dependencies(path):
            add(needed)
        order[name] = path

    for name in wanted:
        add(name.replace("-", "_"))
    return list(order.values())


def dependencies(module: Path) -> list[str]:
    """The modules that ``module`` names in its ``.modinfo`` section (NUL-separated ``key=value`` strings)."""
    found = re.search(rb"\0depends=([^\0]*)\0", module.read_bytes())
    return [name.decode().replace("-", "_") for name in found[1].split(b",") if name] if found else []


def pack(root: Path, target: Path) -> None:
    """Write ``root`` as a compressed cpio archive, everything owned by root."""
    names = "\n".join(str(path.relative_to(root)) for path in sorted(root.rglob("*")))
    command = ["cpio", "--quiet", "-o", "-H", "newc", "-R", "+0:+0"]
    done = subprocess.run(command, cwd=root, input=names.encode(), stdout=subprocess.PIPE, check=True)
    target.write_bytes(gzip.compress(done.stdout, compresslevel=6, mtime=0))


def run(*command: str, cwd: Path | None = None) -> str:
    """The command's output; ends the program with the command's own words when it fails."""
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
