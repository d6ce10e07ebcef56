"""Calls to the server: pyvmomi's adapter with our certificate checks, our errors, and a login that renews itself.

What may be repeated: a call that the server refused because the session had expired was not begun, whatever it is, and
is made again after a new login. After a broken connection nobody knows, so only calls that change nothing are made
again. A task is never started twice.
"""

from __future__ import annotations

import hashlib
import hmac
import http.client
import logging
import re
import socket
import ssl
import threading
import time
import zlib
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from xml.parsers.expat import ExpatError

from lxml import etree
from pyVmomi import SoapStubAdapter, vim, vmodl
from pyVmomi.SoapAdapter import SoapResponseDeserializer
from pyVmomi.VmomiSupport import F_OPTIONAL

from polyvisor.errors import (
    ConnectFailed,
    ConnectionClosed,
    HypervisorError,
    InvalidArgument,
    OperationTimeout,
    PolyvisorError,
)
from polyvisor_esx import replies
from polyvisor_esx.address import Address
from polyvisor_esx.faults import translated

log = logging.getLogger(__name__)

READS = re.compile(
    r"Retrieve|Continue|Query|Find|Fetch|Current|Get|Check|Read(?!Next|Previous)|List"
    r"|Create(ContainerView|PropertyCollector|Filter)$|Destroy(View|PropertyCollector)$"
)
"""How the names of methods begin that change nothing, or nothing that matters (views, collectors).

WaitForUpdatesEx is none of them: what it told last is not told again, so who waits has to begin again."""

NOT_XML = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]")
"""Control characters, which XML 1.0 has no way to write."""

ATTEMPTS = 3
PAUSE = 0.2
"""Calls of a read that fails on its way, and seconds before the second; twice as long before the next."""

TIMEOUT = 120.0
"""Seconds a server may take for one answer, where ``[drivers.esx] timeout`` says nothing else."""

IDLE = 60
"""Seconds after which an idle connection is not used again: servers close them, and a call would be lost."""

ECHOES = {
    "ReconfigVM_Task": "VmReconfiguredEvent",
    "RebootGuest": "VmGuestRebootEvent",
    "ResetVM_Task": "VmResettingEvent",
}
"""Our own calls whose events a watcher hears, but which tell what they did themselves."""

ECHO = 600.0
"""Seconds within which the event of a call comes, if it comes."""

PIECE = 1 << 16
"""Bytes of a large reply that are parsed at a time."""

HASHES = {40: hashlib.sha1, 64: hashlib.sha256, 128: hashlib.sha512}


class _Way:
    """Leads a connection to the server of ``address``, through its proxy if it has one, whatever pyvmomi asked for:
    its own ways differ from release to release."""

    def __init__(self, *_given: Any, address: Address, thumbprint: str | None, **options: Any) -> None:
        for each in ("host", "port"):
            options.pop(each, None)
        host, port = address.proxy or (address.host, address.port)
        super().__init__(host, port, **options)  # type: ignore[call-arg]
        if address.proxy:
            self.set_tunnel(address.host, address.port)  # type: ignore[attr-defined]
        self.thumbprint = thumbprint


class PlainConnection(_Way, http.client.HTTPConnection):
    """A connection without TLS."""


class SecureConnection(_Way, http.client.HTTPSConnection):
    """A connection with TLS; a certificate that is known by its thumbprint is checked each time one is made."""

    def connect(self) -> None:
        super().connect()
        if self.thumbprint is None:
            return
        assert isinstance(self.sock, ssl.SSLSocket)
        certificate = self.sock.getpeercert(binary_form=True) or b""
        found = HASHES[len(self.thumbprint)](certificate).hexdigest()
        if not hmac.compare_digest(found, self.thumbprint):
            self.close()
            raise ssl.SSLCertVerificationError(f"the certificate's thumbprint is {found}, not the one that is trusted")


def tls_context(address: Address) -> ssl.SSLContext:
    """How the server's certificate is checked: by the system's authorities, ``cacert``, ``thumbprint``, or not."""
    if address.thumbprint or not address.verify:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE  # a thumbprint is checked by SecureConnection
        return context
    try:
        return ssl.create_default_context(cafile=address.cacert)
    except (ssl.SSLError, OSError) as error:
        raise ConnectFailed(f"{address.cacert} cannot be used as certificates: {error}", driver="esx") from error


class Transport(SoapStubAdapter):  # type: ignore[misc]
    """Where every call goes through. ``calls`` counts those that were sent."""

    def __init__(self, address: Address, *, version: str, timeout: float = TIMEOUT) -> None:
        self.address = address
        self.calls = 0
        self.login: Callable[[], None] | None = None
        self._at = threading.local()
        self._login_lock = threading.Lock()
        self._logins = 0
        self._renewing: int | None = None
        self._expected: defaultdict[tuple[str, str], deque[float]] = defaultdict(deque)
        self.timeout = timeout
        self._closed = False
        super().__init__(
            host=address.host,
            port=address.port if address.tls else -address.port,
            path="/sdk",
            version=version,
            sslContext=tls_context(address) if address.tls else None,
            connectionPoolTimeout=IDLE,
        )
        self.scheme = SecureConnection if address.tls else PlainConnection
        self.schemeArgs.update(address=address, thumbprint=address.thumbprint, timeout=timeout)

    def InvokeMethod(self, mo: Any, info: Any, args: Any, outerStub: Any = None) -> Any:
        """Make a call; raises errors of ours only."""
        made = partial(self._made, info, lambda: self._understood(mo, info, args, outerStub))
        if (event := ECHOES.get(info.wsdlName)) is None:
            return made()
        expected = self._expected[mo._GetMoId(), event]
        expected.append(sent := time.monotonic())
        try:
            return made()
        except PolyvisorError:
            if sent in expected:
                expected.remove(sent)
            raise

    def _understood(self, mo: Any, info: Any, args: Any, outer: Any) -> Any:
        """The call by pyvmomi, which breaks in many ways on answers that are not those of a VMware server."""
        self._at.sent = False
        try:
            found = SoapStubAdapter.InvokeMethod(self, mo, info, args, outer)
        except (vmodl.MethodFault, PolyvisorError, OSError, http.client.HTTPException, ExpatError):
            raise
        except Exception as error:
            if not self._at.sent:
                raise
            raise http.client.HTTPException(f"the answer makes no sense: {error}") from error
        if isinstance(found, vmodl.MethodFault):  # a proxy has made a success of it
            raise found
        if found is None and not issubclass(info.result, type(None) | list) and not info.resultFlags & F_OPTIONAL:
            raise http.client.HTTPException(f"the answer holds no {info.result.__name__}")
        return found

    def is_echo(self, machine: Any, event: str) -> bool:
        """Whether an event of a guest is that of a call of ours, which is then not expected any more."""
        expected = self._expected[machine._GetMoId(), event]
        while expected:
            if expected.popleft() > time.monotonic() - ECHO:
                return True
        return False

    def answer(self, mo: Any, method: Any, written: str = "", **arguments: Any) -> etree._Element:
        """Make a call whose answer is large, and return that as it came: the element ``...Response``.

        ``method`` is pyvmomi's (``vmodl.query.PropertyCollector.RetrievePropertiesEx``); ``written`` are arguments as
        XML, in place of others, where there are too many for objects. Raises errors of ours only."""
        info = method.info
        args = [] if written else [arguments.get(each.name) for each in info.params]
        found: etree._Element = self._made(info, lambda: self._posted(mo, info, args, written))
        return found

    def _made(self, info: Any, call: Callable[[], Any]) -> Any:
        """A call, made again after a new login where the old one has expired."""
        if self._closed:
            raise ConnectionClosed("the connection is closed", driver="esx")
        before = self._logins
        try:
            return self._sent(info, call)
        except vim.fault.NotAuthenticated as fault:
            if self.login is None or self._renewing == threading.get_ident():
                raise translated(fault, info.wsdlName) from None
            log.info("the session at %s expired; logging in again", self.address.host)
        self._renew(before)
        try:
            return self._sent(info, call)
        except vmodl.MethodFault as fault:
            raise translated(fault, info.wsdlName) from None

    def SerializeRequest(self, mo: Any, info: Any, args: Any) -> bytes:
        """The request as XML. Raises InvalidArgument for text that no XML can hold."""
        try:
            request: bytes = super().SerializeRequest(mo, info, args)
        except UnicodeEncodeError as error:
            raise InvalidArgument(f"{error.object[error.start : error.end]!r} is no character", driver="esx") from None
        if (found := NOT_XML.search(request)) is not None:
            raise InvalidArgument(f"the character {found[0]!r} cannot be sent to a VMware server", driver="esx")
        self._at.sent = True  # from here on what breaks is the answer
        return request

    def _renew(self, before: int) -> None:
        """Log in again, once for all threads that noticed."""
        assert self.login is not None
        with self._login_lock:
            if self._logins != before:
                return
            self._renewing = threading.get_ident()
            try:
                self.login()
            finally:
                self._renewing = None
            self._logins += 1

    def _sent(self, info: Any, call: Callable[[], Any]) -> Any:
        """The call with repetitions; NotAuthenticated passes, other faults are errors of ours."""
        attempts = ATTEMPTS if READS.match(info.wsdlName) else 1
        for attempt in range(attempts):
            try:
                self.calls += 1
                return call()
            except vim.fault.NotAuthenticated:
                raise
            except vmodl.MethodFault as fault:
                raise translated(fault, info.wsdlName) from None
            except ssl.SSLCertVerificationError as error:
                raise distrusted(self.address, error) from error
            except (OSError, http.client.HTTPException, ExpatError) as error:
                if attempt + 1 == attempts or self._closed:
                    raise unreachable(self.address, error, info.wsdlName, repeatable=attempts > 1) from error
                log.info("%s at %s failed and is repeated: %s", info.wsdlName, self.address.host, error)
                time.sleep(PAUSE * 2**attempt)
        raise AssertionError("unreachable")

    def ahead(self, mo: Any, method: Any, **arguments: Any) -> Ahead:
        """Ask a question whose answer is fetched later, so that the server thinks while the caller does."""
        return Ahead(self, mo, method, arguments)

    def _posted(self, mo: Any, info: Any, args: Any, written: str) -> etree._Element:
        """The answer to one request; raises the server's faults as pyvmomi does."""
        return self.received(self.sent(mo, info, args, written), info)

    def sent(self, mo: Any, info: Any, args: Any, written: str = "") -> Any:
        """The connection over which a request was sent."""
        before, end, after = self.SerializeRequest(mo, info, args).rpartition(f"</{info.wsdlName}>".encode())
        request = before + written.encode() + end + after
        connection = self.GetConnection()
        try:
            connection.request("POST", self.path, request, self._headers())
        except BaseException:
            self._dropped(connection)
            raise
        return connection

    def received(self, connection: Any, info: Any) -> etree._Element:
        """The answer that comes over a connection, parsed while it arrives."""
        try:
            response = connection.getresponse()
            if response.status not in (200, 500):
                raise http.client.HTTPException(f"{response.status} {response.reason}")
            if response.status == 500:
                fault = SoapResponseDeserializer(self).Deserialize(b"".join(_pieces(response)), info.result)
                if not isinstance(fault, vmodl.MethodFault):
                    raise http.client.HTTPException("an error without a fault")
            else:
                fault, reader = None, replies.parser()
                for piece in _pieces(response):
                    reader.feed(piece)
                envelope = reader.close()
        except etree.XMLSyntaxError as error:
            self._dropped(connection)
            raise http.client.HTTPException(f"the answer is no XML: {error}") from error
        except BaseException:
            self._dropped(connection)
            raise
        self.ReturnConnection(connection)
        if fault is not None:
            raise fault
        return replies.body_of(envelope)

    def _headers(self) -> dict[str, str]:
        return {
            "Cookie": self.cookie,
            "SOAPAction": self.versionId,
            "Content-Type": "text/xml; charset=UTF-8",
            "Accept-Encoding": "gzip",
        }

    def _dropped(self, connection: Any) -> None:
        """A connection that failed is not used again, nor are those beside it."""
        connection.close()
        self.DropConnections()

    def hurry(self, seconds: float) -> None:
        """Give answers no longer than that from now on."""
        self.schemeArgs["timeout"] = min(seconds, self.timeout)
        with self.lock:
            for connection, _since in self.pool:
                if connection.sock is not None:
                    connection.sock.settimeout(min(seconds, self.timeout))

    def shut(self) -> None:
        """Make no call any more; drop the connections."""
        self._closed = True
        self.DropConnections()


class Ahead:
    """A question that was sent, and its answer, which is fetched at most once. Whatever goes wrong on the way, the
    question is asked again when the answer is wanted: it has to be one that may be repeated."""

    def __init__(self, transport: Transport, mo: Any, method: Any, arguments: dict[str, Any]) -> None:
        self._transport = transport
        self._again = partial(transport.answer, mo, method, **arguments)
        self._info = method.info
        self._connection: Any = None
        try:
            self._connection = transport.sent(mo, self._info, [arguments.get(each.name) for each in self._info.params])
            transport.calls += 1
        except (OSError, http.client.HTTPException) as error:
            log.info("%s could not be sent ahead: %s", self._info.wsdlName, error)

    def fetch(self) -> etree._Element:
        """The answer; raises errors of ours only."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                return self._transport.received(connection, self._info)
            except (OSError, http.client.HTTPException, vmodl.MethodFault) as error:
                log.info("%s is asked again: %s", self._info.wsdlName, error)
        return self._again()

    def drop(self) -> None:
        """The answer is not wanted any more."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _pieces(response: http.client.HTTPResponse) -> Iterator[bytes]:
    """The body of a response as it arrives, unpacked where it is packed."""
    packed = response.getheader("Content-Encoding", "identity").lower() == "gzip"
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16) if packed else None
    while piece := response.read(PIECE):
        yield unpacker.decompress(piece) if unpacker else piece
    if unpacker:
        yield unpacker.flush()


def distrusted(address: Address, error: ssl.SSLError) -> ConnectFailed:
    """The error for a certificate that nobody vouches for, with the ways to trust it."""
    reason = getattr(error, "verify_message", None) or error.args[-1]
    return ConnectFailed(
        f"the certificate of {address.host} cannot be verified: {reason}",
        driver="esx",
        hint="if it is the right server, trust its authority with ?cacert=FILE or this certificate with"
        " ?thumbprint=SHA256 (openssl x509 -fingerprint -sha256); ?no_verify=1 trusts anybody",
        details={"host": address.host, "port": address.port},
    )


def unreachable(address: Address, error: Exception, doing: str, *, repeatable: bool = True) -> PolyvisorError:
    """The error for a connection that cannot be made, broke, or brings no answer."""
    where = f"{address.host}:{address.port}"
    hint = None if repeatable else "whether it was done is not known: look before you try again"
    if isinstance(error, TimeoutError | socket.timeout):
        return OperationTimeout(f"{where} did not answer {doing} in time", driver="esx", hint=hint)
    if isinstance(error, ConnectionRefusedError | socket.gaierror):
        return HypervisorError(
            f"{where} cannot be reached: {error}", driver="esx", hint="is it up, and is the port right?"
        )
    return HypervisorError(f"the connection to {where} failed during {doing}: {error}", driver="esx", hint=hint)
