"""Something between a client and a server that makes trouble: for the next calls, or for all of a name."""

from __future__ import annotations

import http.client
import re
import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from simulator import Simulator

METHOD = re.compile(rb"<(?:\w+:)?Body>\s*<(?:\w+:)?(\w+)")


class Trouble:
    """Passes calls on to a simulated server. ``calls`` are the names of those that came.

    ``make`` decides about each call by its name: ``"503"`` answers so, ``"lose"`` has the server do it and loses the
    answer, ``"drop"`` hangs up before the server hears of it, ``"hold"`` answers when the test says so (``release``).
    ``rewrite`` is handed the name, the request and the answer of each call and returns the answer that counts: it
    stands in for what the simulator lacks."""

    def __init__(self, server: Simulator) -> None:
        self.server = server
        self.calls: list[str] = []
        self.make: Callable[[str], str] = lambda name: ""
        self.release = threading.Event()
        self.rewrite: Callable[[str, bytes, bytes], bytes] = lambda name, request, answer: answer
        trouble = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                trouble._answer(self)

            def log_message(self, format: str, *args: object) -> None:
                """Nobody reads it."""

        self.front = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.front.daemon_threads = True
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(server.certificate.file, server.certificate.key)
        self.front.socket = context.wrap_socket(self.front.socket, server_side=True, do_handshake_on_connect=False)
        self.thread = threading.Thread(target=self.front.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()

    @property
    def uri(self) -> str:
        """Where the client has to go."""
        return self.server.uri().replace(f":{self.server.port}/", f":{self.front.server_port}/")

    def once(self, kind: str, name: str, times: int = 1) -> None:
        """Make trouble of that kind for the next ``times`` calls of that name."""
        left = [times]

        def make(called: str) -> str:
            if called != name or not left[0]:
                return ""
            left[0] -= 1
            return kind

        self.make = make

    def _answer(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        found = METHOD.search(body)
        name = found[1].decode() if found else ""
        self.calls.append(name)
        kind = self.make(name)
        if kind == "503":
            request.send_response(503)
            request.send_header("Content-Length", "0")
            request.end_headers()
            return
        if kind == "drop":
            request.close_connection = True
            return
        status, headers, answer = self._forward(request, body)
        rewritten = self.rewrite(name, body, answer)
        if rewritten is not answer:
            status, answer = 200, rewritten
        if kind == "lose":
            request.close_connection = True
            return
        if kind == "hold":
            self.release.wait(60)
        request.send_response(status)
        for header, value in headers:
            if header.lower() not in ("content-length", "transfer-encoding", "connection", "content-encoding"):
                request.send_header(header, value)
        request.send_header("Content-Length", str(len(answer)))
        request.end_headers()
        request.wfile.write(answer)

    def _forward(self, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        context = ssl.create_default_context(cafile=str(self.server.certificate.file))
        onward = http.client.HTTPSConnection("localhost", self.server.port, context=context)
        kept = ("content-type", "soapaction", "cookie", "user-agent")
        headers = {key: value for key, value in request.headers.items() if key.lower() in kept}
        onward.request("POST", request.path, body=body, headers=headers)
        answer = onward.getresponse()
        try:
            return answer.status, answer.getheaders(), answer.read()
        finally:
            onward.close()

    def stop(self) -> None:
        """End it."""
        self.release.set()
        self.front.shutdown()
        self.front.server_close()
