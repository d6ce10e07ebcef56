"""``python -m polyvisor.cli``, where the ``polyvisor`` script is not on the path."""

from polyvisor.cli import main

main()
