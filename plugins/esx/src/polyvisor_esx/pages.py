"""Pages of a server's beside ``/sdk``: small files and pictures, read whole.

They are asked for over a connection of their own, with the certificate checks and the proxy of the session. Most know
the session by its cookie; some want the name and the password with the request.
"""

from __future__ import annotations

import contextlib
import http.client
import ssl
from collections.abc import Iterator, Mapping
from urllib.parse import quote, urlencode

from polyvisor.errors import AccessDenied, ConnectFailed, HypervisorError, NotFound, PolyvisorError
from polyvisor_esx.datastores import parse_path
from polyvisor_esx.session import EsxSession
from polyvisor_esx.transport import distrusted, unreachable

LARGEST = 64 << 20
"""Bytes of a page at most: these are pictures and settings."""

REFUSALS: dict[int, tuple[type[PolyvisorError], str]] = {
    401: (ConnectFailed, "does not know the user"),
    403: (AccessDenied, "does not allow it"),
    404: (NotFound, "has no such page"),
}
"""HTTP status -> error, and what the server does."""


@contextlib.contextmanager
def connected(session: EsxSession, doing: str) -> Iterator[http.client.HTTPConnection]:
    """A connection that nobody else uses and that begins anew, so that nothing is lost to an idle one.

    Trouble with it is raised as errors of ours, which say what was being done."""
    try:
        connection: http.client.HTTPConnection = session.transport.GetConnection()
        connection.close()
        try:
            yield connection
        finally:
            connection.close()
    except ssl.SSLCertVerificationError as error:
        raise distrusted(session.address, error) from error
    except (OSError, http.client.HTTPException) as error:
        raise unreachable(session.address, error, doing) from error


def cookie(session: EsxSession) -> str:
    """What a page knows the session by."""
    return str(session.transport.cookie.partition(";")[0])


def get(session: EsxSession, path: str, query: Mapping[str, str], *, password: bool = False) -> bytes:
    """A page. Raises NotFound, ConnectFailed, AccessDenied, HypervisorError, OperationTimeout.

    ``password`` sends the user's name and password along, over TLS only."""
    where = f"{quote(path)}?{urlencode(query, quote_via=quote)}"
    session.service_time()  # logs in again if need be
    headers = {"Cookie": cookie(session), "Connection": "close"}
    if password and session.address.tls:
        headers["Authorization"] = session.authorization()
    with connected(session, f"the request for {path}") as connection:
        connection.request("GET", where, headers=headers)
        answer = connection.getresponse()
        text = answer.read(LARGEST + 1)
    if answer.status == http.client.OK and len(text) <= LARGEST:
        return text
    kind, does = REFUSALS.get(answer.status, (HypervisorError, f"answers {answer.reason}"))
    if len(text) > LARGEST:
        kind, does = HypervisorError, f"has more than {LARGEST >> 20} MiB there"
    raise kind(f"{path}: the server {does} (HTTP {answer.status})", driver="esx", details={"status": answer.status})


def file(session: EsxSession, name: str, datacenter: str) -> bytes:
    """A small file of a datastore, by its path ``[datastore] folder/file``."""
    path = parse_path(name)
    where = {"dcPath": datacenter} if datacenter else {}
    return get(session, f"/folder/{path.path}", {**where, "dsName": path.datastore})
