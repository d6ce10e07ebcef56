"""Another process with a connection of its own, for tests of what processes share.

``python -m polyvisor.testing.another URI`` reads one request on each line of its input, a JSON object with ``call``
(a method of a domain), ``uuid`` and ``options``, and answers each on a line: ``{"result": text}``, or ``{"error":
code}`` when the call was refused.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from polyvisor.objects.domain import Domain


class Another:
    """A process that does what it is told."""

    def __init__(self, uri: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__, uri], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, domain: Domain, call: str, **options: Any) -> None:
        """Have it begin a call on the domain; :meth:`answer` waits for the end."""
        request = {"call": call, "uuid": str(domain.uuid), "options": options}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, str]:
        """What came of the oldest call that is not answered yet: ``result`` or ``error``."""
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the other process is gone"
        found: dict[str, str] = json.loads(line)
        return found

    def call(self, domain: Domain, call: str, **options: Any) -> dict[str, str]:
        """Have it make a call on the domain, and wait for the end."""
        self.ask(domain, call, **options)
        return self.answer()

    def kill(self) -> None:
        """End it at once, whatever it is doing."""
        self._process.kill()
        self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            pipe.close()


def _serve(uri: str) -> None:
    import polyvisor
    from polyvisor.config import Configuration
    from polyvisor.errors import PolyvisorError

    with polyvisor.open(uri, configuration=Configuration()) as connection:
        for line in sys.stdin:
            request = json.loads(line)
            try:
                domain = connection.domain(uuid=request["uuid"])
                answer = {"result": str(getattr(domain, request["call"])(**request["options"]))}
            except PolyvisorError as error:
                answer = {"error": error.code}
            sys.stdout.write(json.dumps(answer) + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    _serve(sys.argv[1])
