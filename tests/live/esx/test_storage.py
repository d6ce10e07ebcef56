"""Datastores and their files, on a simulated host and in a simulated vCenter.

Sizes of disks, wiping, unmounting and the sessions of transfers are the tests' own server's; the simulator has none.
"""

from __future__ import annotations

import errno
import io
import logging
import select
import socket
import socketserver
import ssl
import threading
import urllib.request
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from simulator import Simulator

import polyvisor
from polyvisor import model
from polyvisor.config import Configuration
from polyvisor.errors import (
    AccessDenied,
    AlreadyExists,
    Busy,
    ConnectFailed,
    HostError,
    HypervisorError,
    InvalidArgument,
    InvalidState,
    NotFound,
    OperationCancelled,
    OperationTimeout,
    PolyvisorError,
    UnsupportedConfiguration,
    UnsupportedOperation,
)
from polyvisor.services.jobs import Job
from polyvisor_esx import datastorefiles, pools, volumechanges, volumes
from polyvisor_esx.pools import Pool, PoolState

pytestmark = pytest.mark.live

MIB = 1 << 20


@pytest.fixture
def session(connection: polyvisor.Connection) -> Any:
    return connection._invoker.session


@pytest.fixture
def pool(session: Any) -> Pool:
    return pools.find(session, name="LocalDS_0")


@pytest.fixture
def folder(session: Any, pool: Pool, request: pytest.FixtureRequest) -> Iterator[str]:
    """A folder of the test's own."""
    name = f"t{zlib.crc32(request.node.name.encode()):x}"
    yield name
    for each in reversed(found(session, pool, name)):
        volumechanges.delete(session, pool, volumes.find(session, pool, each))


def found(session: Any, pool: Pool, folder: str) -> list[str]:
    """What is in a folder and below, nothing where there is none."""
    try:
        return [each.name for each in volumes.files(session, pool, folder, below=True)]
    except NotFound:
        return []


def counted(session: Any, work: Callable[[], Any]) -> int:
    before = session.transport.calls
    work()
    return int(session.transport.calls - before)


def disk(name: str, size: str = "10", allocation: str = "") -> Any:
    return model.parse(
        "storagevol",
        f"<volume><name>{name}</name><capacity unit='MiB'>{size}</capacity>{allocation}"
        "<target><format type='vmdk'/></target></volume>",
    )


THIN = "<allocation>0</allocation>"


# -- pools ----------------------------------------------------------------------------------------------------


def export(name: str, more: str = "", *, host: str = "192.0.2.7") -> Any:
    return model.parse(
        "storagepool",
        f"<pool type='netfs'><name>{name}</name><source><host name='{host}'/><dir path='/srv/{name}'/>{more}</source>"
        "<target><path>/anywhere</path></target></pool>",
    )


@pytest.fixture
def mounted(server: Simulator, session: Any) -> Iterator[Callable[[str], Pool]]:
    """Mounts exports; the simulator wants to have a directory for each beside its certificate."""
    made: list[Pool] = []

    def mount(name: str) -> Pool:
        (server.certificate.file.parent / name).mkdir(exist_ok=True)
        made.append(pools.create(session, export(name)))
        return made[-1]

    yield mount
    for each in made:
        if each.name in [pool.name for pool in pools.pools(session)]:
            pools.destroy(session, each)


def test_a_pool_is_found_by_name_and_uuid(session: Any, pool: Pool) -> None:
    assert pools.find(session, uuid=pool.uuid).name == "LocalDS_0"
    assert pool.info.state is PoolState.RUNNING
    assert pool.info.capacity == pool.info.allocation + pool.info.available > 0
    with pytest.raises(NotFound, match="LocalDS_0"):
        pools.find(session, name="elsewhere")


def test_documents_of_pools_are_valid(session: Any) -> None:
    for pool in pools.pools(session):
        written = model.format(pools.document(pool))
        again: Any = model.parse("storagepool", written)
        assert (again.name, again.uuid) == (pool.name, str(pool.uuid))


def test_a_pool_keeps_its_uuid(session: Any, pool: Pool) -> None:
    assert pools.refresh(session, pool).uuid == pool.uuid


def test_exports_are_mounted_and_unmounted(session: Any, mounted: Callable[[str], Pool]) -> None:
    made = mounted("export1")
    document: Any = pools.document(made)
    assert (document.type, document.source.hosts[0].name, document.source.dir.path) == (
        "netfs",
        "192.0.2.7",
        "/srv/export1",
    )
    assert document.source.format.type == "nfs"
    with pytest.raises(AlreadyExists):
        pools.create(session, export("export1"))
    pools.destroy(session, made)
    assert "export1" not in [pool.name for pool in pools.pools(session)]


def test_a_datastore_of_the_host_is_not_taken_away(session: Any, pool: Pool) -> None:
    with pytest.raises(UnsupportedOperation, match="files"):
        pools.destroy(session, pool)


def test_any_number_of_pools_is_one_request(session: Any, mounted: Callable[[str], Pool]) -> None:
    pools.pools(session)
    assert counted(session, lambda: pools.pools(session)) == 1
    for number in range(5):
        mounted(f"many{number}")
    assert len(pools.pools(session)) >= 6
    assert counted(session, lambda: pools.pools(session)) == 1


# -- volumes --------------------------------------------------------------------------------------------------


def test_any_number_of_volumes_is_the_same_requests(session: Any, pool: Pool, folder: str) -> None:
    few = counted(session, lambda: volumes.volumes(session, pool))
    for number in range(8):
        volumechanges.create(session, pool, disk(f"{folder}/d{number}/d.vmdk"))
    assert {f"{folder}/d{number}/d.vmdk" for number in range(8)} <= {
        each.name for each in volumes.volumes(session, pool)
    }
    assert counted(session, lambda: volumes.volumes(session, pool)) == few <= 6


def test_the_disks_of_guests_are_volumes(session: Any, pool: Pool) -> None:
    found = volumes.volumes(session, pool)
    guests = [each for each in found if each.name.endswith("VM0/disk1.vmdk")]
    assert guests
    for each in guests:
        written = model.format(volumes.document(each))
        again: Any = model.parse("storagevol", written)
        model.check("storagevol", again)
        assert (again.key, again.target.format.type) == (f"[LocalDS_0] {each.name}", "vmdk")
        assert again.capacity.size > 0


@pytest.mark.parametrize(("allocation", "thin"), [("", False), (THIN, True)])
def test_a_disk_is_made(session: Any, pool: Pool, folder: str, allocation: str, thin: bool) -> None:
    made = volumechanges.create(session, pool, disk(f"{folder}/new.vmdk", allocation=allocation))
    assert (made.key, made.capacity, made.thin) == (f"[LocalDS_0] {folder}/new.vmdk", 10 * MIB, thin)
    with pytest.raises(AlreadyExists):
        volumechanges.create(session, pool, disk(f"{folder}/new.vmdk"))
    volumechanges.delete(session, pool, made)
    assert found(session, pool, folder) == []


def test_a_volume_is_found_by_key_and_by_path(session: Any, pool: Pool, folder: str) -> None:
    made = volumechanges.create(session, pool, disk(f"{folder}/new.vmdk"))
    for key in (made.key, f"/vmfs/volumes/LocalDS_0/{folder}/new.vmdk"):
        assert volumes.lookup(session, key)[1] == made
    by_uuid = f"/vmfs/volumes/{pool.mounted.rpartition('/')[2]}/{folder}/new.vmdk"
    assert volumes.lookup(session, by_uuid)[1] == made
    for wrong in (f"[LocalDS_0] {folder}/other.vmdk", "[LocalDS_0] none/new.vmdk", "[other] new.vmdk"):
        with pytest.raises(NotFound):
            volumes.lookup(session, wrong)
    with pytest.raises(InvalidArgument):
        volumes.lookup(session, "[LocalDS_0] ../../etc/passwd")


def test_a_disk_is_copied_grown_and_wiped(session: Any, pool: Pool, folder: str) -> None:
    made = volumechanges.create(session, pool, disk(f"{folder}/one.vmdk"))
    data = f"{folder}/one-flat.vmdk"
    datastorefiles.upload(session, pool, data, io.BytesIO(b"secret" * 100), 600, overwrite=True)
    copied = volumechanges.copy(session, pool, made, pool, f"{folder}/more/two.vmdk")
    assert copied.capacity == made.capacity
    with pytest.raises(AlreadyExists):
        volumechanges.copy(session, pool, made, pool, copied.name)
    assert volumechanges.resize(session, pool, copied, 20 * MIB).capacity == 20 * MIB
    with pytest.raises(UnsupportedConfiguration, match="smaller"):
        volumechanges.resize(session, pool, made, 5 * MIB)
    volumechanges.wipe(session, pool, copied)
    assert content(session, pool, f"{folder}/more/two-flat.vmdk") == bytes(600)
    assert content(session, pool, data) == b"secret" * 100


def test_other_files_are_copied_and_not_wiped(session: Any, pool: Pool, folder: str) -> None:
    image = datastorefiles.upload(session, pool, f"{folder}/a.iso", io.BytesIO(b"iso"), 3)
    assert volumechanges.copy(session, pool, image, pool, f"{folder}/b.iso").allocation == 3
    with pytest.raises(UnsupportedOperation, match="virtual disks"):
        volumechanges.wipe(session, pool, image)
    with pytest.raises(UnsupportedConfiguration, match="vmdk"):
        volumechanges.copy(session, pool, image, pool, f"{folder}/b.vmdk")


def test_files_and_disks_move(session: Any, pool: Pool, folder: str) -> None:
    image = datastorefiles.upload(session, pool, f"{folder}/a.iso", io.BytesIO(b"iso"), 3)
    made = volumechanges.create(session, pool, disk(f"{folder}/one.vmdk"))
    with pytest.raises(UnsupportedConfiguration, match="vmdk"):
        volumechanges.move(session, pool, made, pool, image.name)
    assert volumechanges.move(session, pool, image, pool, f"{folder}/new/b.iso").allocation == 3
    assert volumechanges.move(session, pool, made, pool, f"{folder}/new/two.vmdk").capacity == made.capacity
    assert found(session, pool, folder) == [f"{folder}/new", f"{folder}/new/b.iso", f"{folder}/new/two.vmdk"]
    with pytest.raises(NotFound):
        volumes.find(session, pool, made.name)


def test_what_belongs_to_a_guest_stays(session: Any, pool: Pool) -> None:
    taken = next(each for each in volumes.volumes(session, pool) if each.name.endswith("VM0/disk1.vmdk"))
    for change in (
        lambda: volumechanges.delete(session, pool, taken),
        lambda: volumechanges.wipe(session, pool, taken),
        lambda: volumechanges.move(session, pool, taken, pool, "elsewhere.vmdk"),
        lambda: volumechanges.resize(session, pool, taken, 1 << 40),
        lambda: datastorefiles.upload(session, pool, taken.name, io.BytesIO(b""), 0, overwrite=True),
        lambda: volumechanges.delete(session, pool, volumes.find(session, pool, taken.path.directory)),
    ):
        with pytest.raises(Busy, match="VM0"):
            change()
    assert volumes.find(session, pool, taken.name) == taken


def test_a_folder_with_something_in_it_stays(session: Any, pool: Pool, folder: str) -> None:
    volumechanges.create(session, pool, disk(f"{folder}/new.vmdk"))
    with pytest.raises(InvalidState, match="not empty"):
        volumechanges.delete(session, pool, volumes.find(session, pool, folder))


def test_a_copy_that_is_cancelled_leaves_nothing(server: Simulator, session: Any, pool: Pool, folder: str) -> None:
    made = volumechanges.create(session, pool, disk(f"{folder}/one.vmdk"))
    tell(server, "hold?method=CopyVirtualDisk_Task")
    job: Job[Any] = Job("copy")
    job.start(lambda: volumechanges.copy(session, pool, made, pool, f"{folder}/two.vmdk", job=job))
    assert job.wait_for(lambda progress: progress.done > 0, 20)
    job.cancel()
    with pytest.raises(OperationCancelled):
        job.result()
    assert found(session, pool, folder) == [made.name]


# -- transfers ------------------------------------------------------------------------------------------------


def tell(server: Simulator, what: str) -> None:
    """Say something to the tests' own server."""
    trusting = ssl.create_default_context(cafile=str(server.certificate.file))
    urllib.request.urlopen(f"https://localhost:{server.port}/tests/{what}", context=trusting).close()


def content(session: Any, pool: Pool, name: str) -> bytes:
    sink = io.BytesIO()
    datastorefiles.download(session, pool, volumes.find(session, pool, name), sink)
    return sink.getvalue()


class Pieces(io.RawIOBase):
    """A file of ``size`` bytes that nobody ever has as a whole; ``largest`` is the most that was asked for at once."""

    def __init__(self, size: int, *, then: Callable[[], Any] = lambda: None, after: int = 0) -> None:
        self.size, self.at, self.largest = size, 0, 0
        self.then, self.after = then, after

    def read(self, size: int = -1) -> bytes:
        assert size > 0, "all of it at once"
        self.largest = max(self.largest, size)
        self.at += (got := min(size, self.size - self.at))
        if self.after and self.at >= self.after:
            self.then()
        return b"x" * got

    def write(self, piece: Any) -> int:
        self.largest = max(self.largest, len(piece))
        self.at += len(piece)
        if self.after and self.at >= self.after:
            self.then()
        return len(piece)


@pytest.mark.parametrize("name", ["plain.iso", "100% a+b&c=d#e?.iso", "späße/日本.img", "a;b,c'd(e)[f].iso"])
def test_a_file_goes_there_and_back(session: Any, pool: Pool, folder: str, name: str) -> None:
    said = bytes(range(256)) * 5000
    made = datastorefiles.upload(session, pool, f"{folder}/{name}", io.BytesIO(said), len(said))
    assert (made.name, made.allocation) == (f"{folder}/{name}", len(said))
    assert content(session, pool, made.name) == said
    assert [each for each in found(session, pool, folder) if each.endswith(".part")] == []


def test_a_transfer_tells_no_log_who_it_is(
    server: Simulator, session: Any, pool: Pool, folder: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        made = datastorefiles.upload(session, pool, f"{folder}/a.img", io.BytesIO(b"x"), 1)
        tell(server, "folder?kind=403")
        with pytest.raises(AccessDenied):
            content(session, pool, made.name)
    secret = session.transport.cookie.partition(";")[0].partition("=")[2].strip('"')
    assert len(secret) > 8
    assert secret not in caplog.text
    assert server.password not in caplog.text


def test_an_empty_file_goes_there_and_back(session: Any, pool: Pool, folder: str) -> None:
    made = datastorefiles.upload(session, pool, f"{folder}/empty.img", io.BytesIO(), 0)
    assert content(session, pool, made.name) == b""


def test_files_travel_in_pieces(session: Any, pool: Pool, folder: str) -> None:
    source, sink = Pieces(9 * MIB), Pieces(0)
    job: Job[Any] = Job("upload")
    told: list[int] = []
    job.progress = lambda done, total=0, **_: told.append(done)  # type: ignore[method-assign]
    made = datastorefiles.upload(session, pool, f"{folder}/big.img", source, source.size, job=job)
    assert told[-1] == 9 * MIB
    assert len(told) == 9
    assert datastorefiles.download(session, pool, made, sink) == 9 * MIB
    assert max(source.largest, sink.largest) <= datastorefiles.PIECE


def test_a_file_that_is_there_is_replaced_only_if_asked(session: Any, pool: Pool, folder: str) -> None:
    name = f"{folder}/a.iso"
    datastorefiles.upload(session, pool, name, io.BytesIO(b"old"), 3)
    with pytest.raises(AlreadyExists):
        datastorefiles.upload(session, pool, name, io.BytesIO(b"new"), 3)
    assert content(session, pool, name) == b"old"
    datastorefiles.upload(session, pool, name, io.BytesIO(b"new"), 3, overwrite=True)
    assert content(session, pool, name) == b"new"


def test_a_datastore_that_is_full_keeps_what_it_had(server: Simulator, session: Any, pool: Pool, folder: str) -> None:
    name = f"{folder}/a.iso"
    datastorefiles.upload(session, pool, name, io.BytesIO(b"old"), 3)
    tell(server, "folder?kind=room")
    source = Pieces(64 * MIB)
    with pytest.raises(HypervisorError, match=r"no room|failed during"):
        datastorefiles.upload(session, pool, name, source, source.size, overwrite=True)
    assert content(session, pool, name) == b"old"
    assert found(session, pool, folder) == [name]


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (401, ConnectFailed, "cookie"),
        (403, AccessDenied, "allow"),
        (404, NotFound, "no such"),
        (503, HypervisorError, "busy"),
    ],
)
@pytest.mark.parametrize("size", [1000, 32 * MIB])
def test_a_server_that_refuses_is_understood(
    server: Simulator,
    session: Any,
    pool: Pool,
    folder: str,
    status: int,
    error: type[PolyvisorError],
    words: str,
    size: int,
) -> None:
    """Also where it does not wait for the end of what is sent."""
    made = datastorefiles.upload(session, pool, f"{folder}/there.img", io.BytesIO(b"x"), 1)
    tell(server, f"folder?kind={status}")
    with pytest.raises(error, match=words) as refusal:
        datastorefiles.download(session, pool, made, io.BytesIO())
    assert refusal.value.details["status"] == status
    tell(server, f"folder?kind={status}")
    lost = HypervisorError if size > MIB else error  # hanging up may cost the answer
    with pytest.raises((error, lost)):
        datastorefiles.upload(session, pool, f"{folder}/a.img", Pieces(size), size)
    assert found(session, pool, folder) == [made.name]


def test_a_source_that_ends_early_leaves_nothing(session: Any, pool: Pool, folder: str) -> None:
    with pytest.raises(InvalidArgument, match="ends after"):
        datastorefiles.upload(session, pool, f"{folder}/a.iso", io.BytesIO(b"short"), 4 * MIB)
    assert found(session, pool, folder) == []


def test_an_upload_that_is_cancelled_leaves_nothing(session: Any, pool: Pool, folder: str) -> None:
    job: Job[Any] = Job("upload")
    source = Pieces(32 * MIB, then=job.cancel, after=3 * MIB)
    with pytest.raises(OperationCancelled):
        datastorefiles.upload(session, pool, f"{folder}/a.iso", source, source.size, job=job)
    assert source.at < 8 * MIB
    assert found(session, pool, folder) == []


def test_a_download_that_is_cancelled_stops(session: Any, pool: Pool, folder: str) -> None:
    made = datastorefiles.upload(session, pool, f"{folder}/a.img", Pieces(16 * MIB), 16 * MIB)
    job: Job[Any] = Job("download")
    sink = Pieces(0, then=job.cancel, after=2 * MIB)
    with pytest.raises(OperationCancelled):
        datastorefiles.download(session, pool, made, sink, job=job)
    assert sink.at < 8 * MIB


def test_a_download_that_breaks_off_is_told(server: Simulator, session: Any, pool: Pool, folder: str) -> None:
    made = datastorefiles.upload(session, pool, f"{folder}/a.img", Pieces(4 * MIB), 4 * MIB)
    tell(server, "folder?kind=cut")
    with pytest.raises(HypervisorError, match=r"of the|failed during"):
        datastorefiles.download(session, pool, made, io.BytesIO())


def test_a_full_disk_here_is_not_taken_for_trouble_with_the_server(session: Any, pool: Pool, folder: str) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    made = datastorefiles.upload(session, pool, f"{folder}/a.img", Pieces(4 * MIB), 4 * MIB)
    with pytest.raises(HostError, match="No space left"):
        datastorefiles.download(session, pool, made, Pieces(0, then=full, after=2 * MIB))
    with pytest.raises(HostError, match="No space left"):
        datastorefiles.upload(session, pool, f"{folder}/b.img", Pieces(4 * MIB, then=full, after=MIB), 4 * MIB)
    assert found(session, pool, folder) == [made.name]


@pytest.mark.parametrize("way", ["upload", "download"])
def test_a_server_that_stalls_is_not_waited_for(server: Simulator, way: str) -> None:
    hurried = Configuration(drivers={"esx": {"timeout": 1.0}})
    path = "" if server.mode == "esx" else "DC0/DC0_C0/DC0_C0_H0"
    with polyvisor.open(server.uri(path), credentials=server.credentials, configuration=hurried) as connection:
        session: Any = connection._invoker.session
        pool = pools.find(session, name="LocalDS_0")
        name = f"stalled-{way}/a.img"
        if way == "download":
            made = datastorefiles.upload(session, pool, name, io.BytesIO(b"x"), 1)
            tell(server, "folder?kind=stall")
            with pytest.raises(OperationTimeout, match="in time"):
                datastorefiles.download(session, pool, made, io.BytesIO())
        else:
            tell(server, "folder?kind=stall")
            with pytest.raises(OperationTimeout, match="in time"):
                datastorefiles.upload(session, pool, name, Pieces(64 * MIB), 64 * MIB)
            assert found(session, pool, "stalled-upload") == []
    tell(server, "folder?kind=")


def test_a_login_that_expired_is_renewed_before_a_transfer(
    server: Simulator, session: Any, pool: Pool, folder: str
) -> None:
    key = session.content.sessionManager.currentSession.key
    with polyvisor.open(server.uri(), credentials=server.credentials) as other:
        there: Any = other._invoker.session
        there.content.sessionManager.TerminateSession(sessionId=[key])
    made = datastorefiles.upload(session, pool, f"{folder}/a.img", io.BytesIO(b"x"), 1)
    assert made.allocation == 1


def test_files_of_one_of_several_data_centres(start_simulator: Callable[..., Simulator]) -> None:
    server = start_simulator("vpx", folders=1)
    with polyvisor.open(server.uri(), credentials=server.credentials) as connection:
        session: Any = connection._invoker.session
        (pool,) = pools.pools(session)
        made = datastorefiles.upload(session, pool, "lab/a.img", io.BytesIO(b"there"), 5)
        assert "dcPath=F0/DC0" in datastorefiles.address(session, pool, made.path)
        assert content(session, pool, "lab/a.img") == b"there"


class Tunnels:
    """An HTTP proxy that does nothing but CONNECT; ``asked`` are the places it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        proxy = self

        class Handler(socketserver.StreamRequestHandler):
            def handle(self) -> None:
                place = self.rfile.readline().split()[1].decode()
                while self.rfile.readline().strip():
                    pass
                proxy.asked.append(place)
                host, _, port = place.rpartition(":")
                with socket.create_connection((host, int(port))) as onward:
                    self.wfile.write(b"HTTP/1.1 200 Connected\r\n\r\n")
                    ways = {self.connection: onward, onward: self.connection}
                    while True:
                        for ready in select.select(list(ways), [], [])[0]:
                            try:
                                ways[ready].sendall(piece := ready.recv(65536))
                            except ConnectionError:
                                piece = b""
                            if not piece:
                                return

        self.front = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        self.front.daemon_threads = True
        threading.Thread(target=self.front.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def stop(self) -> None:
        self.front.shutdown()
        self.front.server_close()


@pytest.fixture
def tunnels() -> Iterator[Tunnels]:
    made = Tunnels()
    yield made
    made.stop()


def test_transfers_take_the_way_of_calls(server: Simulator, tunnels: Tunnels) -> None:
    """Through the proxy of the URI, to a server that is known by its thumbprint."""
    path = "" if server.mode == "esx" else "DC0/DC0_C0/DC0_C0_H0"
    where = f"127.0.0.1:{tunnels.front.server_address[1]}"
    uri = server.uri(path, thumbprint=server.certificate.thumbprint, proxy=where)
    with polyvisor.open(uri, credentials=server.credentials) as connection:
        session: Any = connection._invoker.session
        pool = pools.find(session, name="LocalDS_0")
        before = len(tunnels.asked)
        made = datastorefiles.upload(session, pool, "proxied/a.img", Pieces(3 * MIB), 3 * MIB)
        assert content(session, pool, made.name) == b"x" * 3 * MIB
        assert len(tunnels.asked) >= before + 2
        assert set(tunnels.asked) == {f"localhost:{server.port}"}
        session.transport.schemeArgs["thumbprint"] = "0" * 64
        with pytest.raises(ConnectFailed, match="certificate"):
            content(session, pool, made.name)
