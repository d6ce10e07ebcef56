"""Sending files to datastores and fetching them: the server's ``/folder`` (vSphere Web Services SDK, HTTP access).

A file travels in pieces over a connection of its own, with the certificate checks and the proxy of the session and its
cookie. What arrives is called by a name of its own until all of it is there, so a broken transfer never leaves half a
file under the name that was asked for.
"""

from __future__ import annotations

import contextlib
import http.client
import logging
import secrets
from collections.abc import Iterator
from typing import BinaryIO
from urllib.parse import quote, urlencode

from polyvisor.errors import (
    AccessDenied,
    AlreadyExists,
    ConnectFailed,
    HostError,
    HypervisorError,
    InvalidArgument,
    InvalidState,
    NotFound,
    PolyvisorError,
)
from polyvisor.model.storagevol import VolumeFormat
from polyvisor.spi import JobControl
from polyvisor_esx import pages, pools, volumechanges, volumes
from polyvisor_esx.datastores import DatastorePath
from polyvisor_esx.pools import Pool
from polyvisor_esx.session import EsxSession, written_name
from polyvisor_esx.volumes import Volume

log = logging.getLogger(__name__)

PIECE = 1 << 20
"""Bytes of a file that are in memory at a time; between two pieces a cancelled job is noticed."""

ANSWER = 2048
"""Bytes of a refusal that are read; it is a page for a browser."""

REFUSALS: dict[int, tuple[type[PolyvisorError], str, str | None]] = {
    401: (ConnectFailed, "does not take the session's cookie", "connect again"),
    403: (
        AccessDenied,
        "does not allow it",
        "it takes the privilege Datastore.FileManagement, to read Datastore.Browse",
    ),
    404: (NotFound, "has no such file", "case counts"),
    413: (HypervisorError, "takes no file that large", None),
    503: (HypervisorError, "is too busy", "try again later"),
    507: (HypervisorError, "has no room left", "free space on the datastore, or choose another"),
}
"""HTTP status -> error, what the server does, and what to do."""


def address(session: EsxSession, pool: Pool, path: DatastorePath) -> str:
    """What to ask the server for: path, data centre and datastore, with everything escaped that means something."""
    wanted = {"dsName": pool.name}
    if (found := pools.datacenter(session, pool)) is not None:
        place = session.inventory.places[found]
        wanted = {"dcPath": "/".join(written_name(part) for part in place.path), **wanted}
    return f"/folder/{quote(path.path, safe='/')}?{urlencode(wanted, quote_via=quote, safe='/')}"


# -- there ----------------------------------------------------------------------------------------------------


def upload(
    session: EsxSession,
    pool: Pool,
    name: str,
    source: BinaryIO,
    size: int,
    *,
    overwrite: bool = False,
    job: JobControl | None = None,
) -> Volume:
    """Send ``size`` bytes of ``source`` to a file of the datastore; its folder is made.

    Files are stored as they are: a virtual disk is its description and its data, two files. Raises AlreadyExists unless
    ``overwrite``, which replaces the file when all is there, Busy where a guest has the old one, InvalidArgument for a
    source that ends early, OperationCancelled, OperationTimeout when the server stops taking it."""
    path = DatastorePath(pool.name, volumes.checked(name))
    _require_place(session, pool, path, overwrite=overwrite)
    volumechanges.make_folder(session, pool, path)
    part = path.beside(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        _put(session, address(session, pool, part), source, size, part, job)
        arrived = volumes.find(session, pool, part.path)
        if arrived.allocation != size:
            raise HypervisorError(
                f"{arrived.allocation} of {size} bytes have arrived in '{part}'", target=str(path), driver="esx"
            )
        where = pools.datacenter(session, pool)
        session.wait(
            session.content.fileManager.MoveDatastoreFile_Task(
                sourceName=str(part),
                sourceDatacenter=where,
                destinationName=str(path),
                destinationDatacenter=where,
                force=overwrite,
            )
        )
    except BaseException:
        volumechanges.remove_leftover(session, pool, part)
        raise
    return volumes.find(session, pool, path.path)


def _require_place(session: EsxSession, pool: Pool, path: DatastorePath, *, overwrite: bool) -> None:
    try:
        there = volumes.find(session, pool, path.path)
    except NotFound:
        return
    if there.format is VolumeFormat.DIR:
        raise InvalidState(f"'{path}' is a folder", target=str(path), driver="esx")
    if not overwrite:
        raise AlreadyExists(
            f"there is a '{path}' already", target=str(path), driver="esx", hint="choose another name, or replace it"
        )
    volumechanges.require_free(session, pool, path)


def _put(
    session: EsxSession, where: str, source: BinaryIO, size: int, path: DatastorePath, job: JobControl | None
) -> None:
    with _begun(session, f"the upload of '{path}'") as connection:
        connection.putrequest("PUT", where, skip_accept_encoding=True)
        _put_headers(session, connection)
        connection.putheader("Content-Type", "application/octet-stream")
        connection.putheader("Content-Length", str(size))
        try:
            connection.endheaders()
            _send(connection, source, size, job)
        except (BrokenPipeError, ConnectionResetError) as error:
            # The server may have hung up because it refuses, and said why.
            try:
                answer = connection.getresponse()
            except (OSError, http.client.HTTPException):
                raise error from None
            _require_success(answer, path)
            raise
        _require_success(connection.getresponse(), path)


def _send(connection: http.client.HTTPConnection, source: BinaryIO, size: int, job: JobControl | None) -> None:
    sent = 0
    while sent < size:
        if job is not None:
            job.check()
        with _own_file("read"):
            piece = source.read(min(PIECE, size - sent))
        if not piece:
            raise InvalidArgument(f"the file ends after {sent} of {size} bytes", driver="esx")
        connection.send(piece)
        sent += len(piece)
        if job is not None:
            job.progress(sent, size)


# -- and back -------------------------------------------------------------------------------------------------


def download(session: EsxSession, pool: Pool, volume: Volume, sink: BinaryIO, *, job: JobControl | None = None) -> int:
    """Write a file of the datastore to ``sink``, as it is stored there; returns how many bytes it has.

    Raises NotFound, AccessDenied, HypervisorError when less arrives than was announced, OperationCancelled,
    OperationTimeout when the server stops sending."""
    if volume.format is VolumeFormat.DIR:
        raise InvalidState(f"{volume} is a folder", target=str(volume), driver="esx")
    with _begun(session, f"the download of '{volume.key}'") as connection:
        connection.putrequest("GET", address(session, pool, volume.path), skip_accept_encoding=True)
        _put_headers(session, connection)
        connection.endheaders()
        answer = connection.getresponse()
        _require_success(answer, volume.path)
        announced = answer.length
        got = 0
        while piece := answer.read(PIECE):
            with _own_file("written"):
                sink.write(piece)
            got += len(piece)
            if job is not None:
                job.progress(got, announced or 0)
                job.check()
    if announced is not None and got != announced:
        raise HypervisorError(
            f"{got} of the {announced} bytes of '{volume.key}' have arrived", target=str(volume), driver="esx"
        )
    return got


# -- connections ----------------------------------------------------------------------------------------------


def _begun(session: EsxSession, doing: str) -> contextlib.AbstractContextManager[http.client.HTTPConnection]:
    session.service_time()  # logs in again if need be: here a refusal could not be mended any more
    return pages.connected(session, doing)


@contextlib.contextmanager
def _own_file(doing: str) -> Iterator[None]:
    """Tells trouble with the caller's file from trouble with the connection."""
    try:
        yield
    except OSError as error:
        raise HostError(f"the file here cannot be {doing}: {error}", driver="esx") from error


def _put_headers(session: EsxSession, connection: http.client.HTTPConnection) -> None:
    connection.putheader("Cookie", pages.cookie(session))
    connection.putheader("Connection", "close")


def _require_success(answer: http.client.HTTPResponse, path: DatastorePath) -> None:
    if 200 <= answer.status < 300:
        return
    log.debug("%s answered %s: %r", path, answer.status, answer.read(ANSWER))
    kind, does, hint = REFUSALS.get(answer.status, (HypervisorError, f"refuses it: {answer.reason}", None))
    raise kind(
        f"'{path}': the server {does} (HTTP {answer.status})",
        target=str(path),
        driver="esx",
        hint=hint,
        details={"status": answer.status},
    )
