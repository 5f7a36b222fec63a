"""Downloads from a server on loopback with faults."""

import hashlib
import io
import os
import socket
import subprocess
import tarfile
import threading
import time

import pytest
from file_server import Server

from bnmatrix.datasets import availability as checks
from bnmatrix.datasets import download as downloads
from bnmatrix.datasets import hosts
from bnmatrix.datasets.availability import have_raw
from bnmatrix.datasets.download import download
from bnmatrix.datasets.places import check_mirror
from bnmatrix.datasets.raw_files import Downloadable, verify
from bnmatrix.errors import UserError
from bnmatrix.files import atomic_path

CONTENT = os.urandom(300_000)


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setattr(hosts, "BACKOFF", 0)
    server = Server()
    yield server
    server.close()


def described(name, content, hosts=()):
    return {
        "name": name,
        "size": len(content),
        "sha256": hashlib.sha256(content).hexdigest(),
        "hosts": list(hosts),
    }


def dataset(*hosts, archive=None, files=None):
    return Downloadable(
        title="Test",
        folder="test",
        files=files or [described("a.gz", CONTENT, hosts)],
        archive=archive,
    )


def get(data, tmp_path, mirror=None):
    download(data, tmp_path / "raw", tmp_path / "partial", mirror)
    return (tmp_path / "raw" / data.files[0].name).read_bytes()


def availability(data, mirror, tmp_path):
    return checks.availability(data, mirror, tmp_path / "raw", tmp_path / "partial")


def left(tmp_path):
    return sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())


def test_from_a_host(server, tmp_path):
    server.files["/here/a.gz"] = CONTENT
    data = dataset(f"{server.url}/here/")
    assert availability(data, None, tmp_path).available
    assert not server.gets("/here/a.gz"), "the check downloads nothing"
    assert get(data, tmp_path) == CONTENT
    assert left(tmp_path) == ["raw/SHA256SUMS", "raw/a.gz"]
    assert have_raw(data, tmp_path / "raw")
    check = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path / "raw", check=False)
    assert check.returncode == 0
    server.requests.clear()
    get(data, tmp_path)
    assert not server.requests, "what is there is not fetched again"


def test_next_host_if_the_first_lacks_the_file(server, tmp_path):
    server.files["/second/a.gz"] = CONTENT
    dead = "http://127.0.0.1:9/nothing"
    assert get(dataset(dead, f"{server.url}/first", f"{server.url}/second"), tmp_path) == CONTENT


def test_resumes_a_broken_transfer(server, tmp_path):
    server.files["/a.gz"] = CONTENT
    server.cut_after = [131_072, 65_536]
    assert get(dataset(server.url), tmp_path) == CONTENT
    assert server.gets("/a.gz") == [None, "bytes=131072-", "bytes=196608-"]


def test_resumes_in_a_later_run(server, tmp_path):
    server.files["/a.gz"] = CONTENT
    server.cut_after = [131_072, 10, 10, 10]
    with pytest.raises(UserError, match="131072 of 300000 bytes are kept, to resume from"):
        get(dataset(server.url), tmp_path)
    assert left(tmp_path) == ["partial/a.gz.part", "partial/failed.json"], "none is left in place"
    assert get(dataset(server.url), tmp_path) == CONTENT
    assert server.gets("/a.gz")[-1] == "bytes=131072-"
    assert left(tmp_path) == ["raw/SHA256SUMS", "raw/a.gz"]


def test_the_check_tries_a_host_that_answers_no_questions(server, tmp_path):
    server.faults = [(501, {})]
    assert availability(dataset(server.url), None, tmp_path).available


@pytest.mark.parametrize("status", hosts.PASSING)
def test_a_passing_fault_is_tried_again(server, tmp_path, status):
    server.files["/a.gz"] = CONTENT
    server.faults = [(status, {})] * 3
    assert get(dataset(server.url), tmp_path) == CONTENT
    assert len(server.gets("/a.gz")) == 4
    # The check leaves it to the download to try again.
    server.faults = [(status, {})]
    assert availability(dataset(server.url), None, tmp_path / "other").available


def test_a_connection_that_is_reset_is_tried_again(server, tmp_path):
    server.files["/a.gz"] = CONTENT
    server.resets = 3
    assert get(dataset(server.url), tmp_path) == CONTENT
    server.resets = 1
    assert availability(dataset(server.url), None, tmp_path / "other").available


def test_a_slow_answer_is_tried_again(tmp_path, monkeypatch):
    monkeypatch.setattr(hosts, "BACKOFF", 0)
    monkeypatch.setattr(downloads, "TIMEOUT", 0.2)
    monkeypatch.setattr(checks, "PROBE_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:  # accepts, and never answers
        data = dataset(f"http://127.0.0.1:{silent.getsockname()[1]}")
        assert availability(data, None, tmp_path).available
        with pytest.raises(UserError, match="no answer in time, 4 times"):
            get(data, tmp_path)


def test_a_host_is_tried_four_times_and_then_the_next(server, tmp_path):
    server.files["/second/a.gz"] = CONTENT
    server.faults = [(503, {})] * 4
    data = dataset(f"{server.url}/first", f"{server.url}/second")
    assert get(data, tmp_path) == CONTENT
    assert len(server.gets("/first/a.gz")) == 4
    assert len(server.gets("/second/a.gz")) == 1
    server.faults = [(503, {})] * 8
    with pytest.raises(UserError, match=r"/first/a\.gz: answers 503 Service Unavailable, 4 times"):
        get(data, tmp_path / "other")


def test_a_host_decides_when_to_try_again_within_limits(server, tmp_path, monkeypatch):
    monkeypatch.setattr(hosts, "LONGEST_WAIT", 2)
    server.files["/a.gz"] = CONTENT
    for asked, least, most in (("1", 1, 1.9), ("3600", 2, 10)):
        server.faults = [(503, {"Retry-After": asked})]
        started = time.monotonic()
        assert get(dataset(server.url), tmp_path / asked) == CONTENT
        assert least <= time.monotonic() - started < most


def test_a_failure_counts_until_something_changes(server, tmp_path, monkeypatch):
    """A check that follows a failed download leaves out the data set, and asks no host."""
    server.files["/a.gz"] = CONTENT
    server.cut_after = [70_000] * 4
    data = dataset(server.url)
    with pytest.raises(UserError, match="the host breaks off, 4 times"):
        get(data, tmp_path)
    server.requests.clear()
    answer = availability(data, None, tmp_path)
    assert (answer.available, answer.failed, server.requests) == (False, True, [])
    assert "Test could not be downloaded: http://127.0.0.1:" in answer.reason
    assert "the host breaks off, 4 times" in answer.reason
    assert f"remove {tmp_path}/partial/failed.json to try again at once" in answer.reason
    assert "\n" not in answer.reason
    # Other places, an hour, and a download that succeeds.
    assert availability(dataset(server.url, "http://127.0.0.1:9"), None, tmp_path).available
    assert availability(data, server.url, tmp_path).available
    with monkeypatch.context() as later:
        now = time.time()
        later.setattr(time, "time", lambda: now + 3601)
        assert availability(data, None, tmp_path).available
    assert get(data, tmp_path) == CONTENT
    assert left(tmp_path) == ["raw/SHA256SUMS", "raw/a.gz"]


@pytest.mark.parametrize("declared", ["text/html; charset=utf-8", None])
def test_a_page_instead_of_the_file_is_named(server, tmp_path, declared):
    server.content_type = declared
    server.files["/a.gz"] = b"\n<!DOCTYPE html><title>Log in</title>"
    data = dataset(server.url)
    with pytest.raises(UserError, match="has an HTML page instead of the file: a log-in page"):
        get(data, tmp_path)
    (tmp_path / "partial/failed.json").unlink()
    assert left(tmp_path) == []
    if declared:
        assert "has an HTML page instead of the file" in availability(data, None, tmp_path).reason


def test_starts_over_when_the_part_was_of_another_file(server, tmp_path):
    (tmp_path / "partial").mkdir()
    (tmp_path / "partial/a.gz.part").write_bytes(b"something else")
    server.files["/a.gz"] = CONTENT
    assert get(dataset(server.url), tmp_path) == CONTENT
    assert server.gets("/a.gz") == ["bytes=14-", None]


def test_starts_over_where_a_host_cannot_resume(server, tmp_path):
    server.files["/a.gz"] = CONTENT
    server.ranges = False
    server.cut_after = [100_000]
    assert get(dataset(server.url), tmp_path) == CONTENT


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (CONTENT[:-1] + bytes([CONTENT[-1] ^ 1]), "its SHA-256 is .* instead of"),
        (CONTENT + b"more", "has 300004 bytes instead of 300000"),
        (b"please log in", "has 13 bytes instead of 300000"),
    ],
)
def test_a_bad_file_is_named_and_removed(server, tmp_path, content, message):
    server.files["/bad/a.gz"] = content
    with pytest.raises(UserError, match=rf"Test cannot be downloaded:\n  .*/bad/a.gz: {message}"):
        get(dataset(f"{server.url}/bad"), tmp_path)
    assert left(tmp_path) == ["partial/failed.json"]
    server.files["/good/a.gz"] = CONTENT
    assert get(dataset(f"{server.url}/bad", f"{server.url}/good"), tmp_path) == CONTENT


def test_a_bad_file_in_place_is_replaced(server, tmp_path):
    server.files["/a.gz"] = CONTENT
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/a.gz").write_bytes(CONTENT[:-5])
    assert get(dataset(server.url), tmp_path) == CONTENT


def test_mirror_directory_comes_first(server, tmp_path):
    server.files["/a.gz"] = CONTENT
    mirror = tmp_path / "mirror/test"
    mirror.mkdir(parents=True)
    (mirror / "a.gz").write_bytes(CONTENT)
    assert get(dataset(server.url), tmp_path, str(tmp_path / "mirror")) == CONTENT
    assert not server.requests


def test_bad_file_in_a_mirror_is_named(tmp_path):
    mirror = tmp_path / "mirror/test"
    mirror.mkdir(parents=True)
    (mirror / "a.gz").write_bytes(CONTENT[:1000])
    with pytest.raises(
        UserError, match=r"mirror/test/a\.gz: cut off: has 1000 bytes instead of 300"
    ):
        get(dataset(), tmp_path, str(tmp_path / "mirror"))
    assert not (tmp_path / "raw").exists()


def test_mirror_address(server, tmp_path):
    server.files["/m/test/a.gz"] = CONTENT
    assert availability(dataset(), f"{server.url}/m/", tmp_path).available
    assert get(dataset(), tmp_path, f"{server.url}/m/") == CONTENT


def archived(server, *hosts):
    members = {"one.bin": os.urandom(50_000), "two.bin": os.urandom(60_000)}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in {**members, "../evil": b"x", "readme": b"x"}.items():
            info = tarfile.TarInfo(f"inner/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    archive = packed.getvalue()
    server.files["/pub/all.tar.gz"] = archive
    files = [described(name, content) for name, content in members.items()]
    entry = {**described("all.tar.gz", archive, hosts), "members": "inner"}
    return dataset(files=files, archive=entry), members


def test_archive_from_a_host(server, tmp_path):
    data, members = archived(server, f"{server.url}/pub")
    assert availability(data, None, tmp_path).available
    assert get(data, tmp_path) == members["one.bin"]
    assert left(tmp_path) == ["raw/SHA256SUMS", "raw/one.bin", "raw/two.bin"]


def test_archive_or_members_in_a_mirror(server, tmp_path):
    data, members = archived(server)
    extracted = tmp_path / "extracted/test/inner"
    extracted.mkdir(parents=True)
    for name, content in members.items():
        (extracted / name).write_bytes(content)
    assert availability(data, str(tmp_path / "extracted"), tmp_path).available
    packed = tmp_path / "packed/test"
    packed.mkdir(parents=True)
    (packed / "all.tar.gz").write_bytes(server.files["/pub/all.tar.gz"])
    assert availability(data, str(tmp_path / "packed"), tmp_path).available
    for mirror in ("extracted", "packed"):
        download(data, tmp_path / f"raw-{mirror}", tmp_path / "partial", str(tmp_path / mirror))
        assert (tmp_path / f"raw-{mirror}/two.bin").read_bytes() == members["two.bin"]


def test_a_bad_archive_is_never_opened(server, tmp_path):
    data, _ = archived(server, f"{server.url}/pub")
    server.files["/pub/all.tar.gz"] = server.files["/pub/all.tar.gz"][:-20] + bytes(20)
    with pytest.raises(UserError, match=r"all\.tar\.gz: .*its SHA-256 is"):
        get(data, tmp_path)
    assert left(tmp_path) == ["partial/failed.json"]


def test_the_message_about_unavailable_data_names_the_places(server, tmp_path):
    data = dataset("http://127.0.0.1:9/x", server.url)
    answer = availability(data, str(tmp_path), tmp_path)
    assert not answer.available
    assert "127.0.0.1:9: cannot be reached" in answer.reason
    assert "answers 404" in answer.reason
    assert f"{tmp_path}/test/a.gz: no such file" in answer.reason
    server.files["/a.gz"] = b"short"
    assert "has 5 bytes instead of 300000" in availability(data, None, tmp_path).reason


def test_a_host_that_never_answers_times_out(tmp_path, monkeypatch):
    import requests

    over = threading.Event()

    def hang(*_, **__):
        over.wait(20)
        raise requests.Timeout

    monkeypatch.setattr("bnmatrix.datasets.availability.PROBE_SECONDS", 0.2)
    monkeypatch.setattr(requests, "head", hang)
    started = time.monotonic()
    answer = availability(dataset("http://127.0.0.1:9/x"), None, tmp_path)
    waited = time.monotonic() - started
    over.set()
    assert "127.0.0.1:9: no answer in time" in answer.reason
    assert waited < 10


def test_mirror_that_does_not_exist(tmp_path):
    with pytest.raises(UserError, match=r"mirror '.*nowhere': there is no such directory"):
        check_mirror(str(tmp_path / "nowhere"))
    check_mirror(None)
    check_mirror(str(tmp_path))
    check_mirror("https://example.org/mirror")


def test_verify_names_the_file(tmp_path):
    file = dataset().files[0]
    with pytest.raises(UserError, match=r"a\.gz: there is no such file"):
        verify(tmp_path / "a.gz", file)
    (tmp_path / "a.gz").write_bytes(bytes(len(CONTENT)))
    with pytest.raises(UserError, match=r"a\.gz: its SHA-256 is"):
        verify(tmp_path / "a.gz", file)


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 200 kB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(command, capture_output=True, check=False).returncode == 0
    except OSError:
        mounted = False
    if not mounted:
        pytest.skip("mounting a small file system needs root")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_full_disk(server, small_disk, tmp_path):
    server.files["/a.gz"] = CONTENT
    with pytest.raises(UserError, match=r"a\.gz\.part: No space left on device .*removed"):
        download(dataset(server.url), small_disk / "raw", small_disk / "partial")
    mirror = tmp_path / "mirror/test"
    mirror.mkdir(parents=True)
    (mirror / "a.gz").write_bytes(CONTENT)
    with pytest.raises(UserError, match="the disk is full"):
        download(dataset(), small_disk / "raw", small_disk / "partial", str(tmp_path / "mirror"))
    with (
        pytest.raises(UserError, match=r"result\.parquet: the disk is full"),
        atomic_path(small_disk / "result.parquet") as path,
    ):
        path.write_bytes(CONTENT)
    assert left(small_disk) == []


def test_atomic_path_keeps_the_old_file_on_failure(tmp_path):
    (tmp_path / "a.txt").write_text("before")
    with pytest.raises(RuntimeError), atomic_path(tmp_path / "a.txt") as path:
        path.write_text("half")
        raise RuntimeError
    assert (tmp_path / "a.txt").read_text() == "before"
    assert left(tmp_path) == ["a.txt"]
