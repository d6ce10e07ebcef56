"""``python -m polyvisor_qemu.guest`` says where the image lies."""

import sys

from polyvisor_qemu.guest import image_path

sys.stdout.write(f"{image_path()}\n")
