# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program that removes from the gateway's cache what is not what its digest says."""

from __future__ import annotations

import hashlib
import importlib.util
import time
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import pytest

from tests.tools.stage import ROOT

GOOD = b"the bytes of a layer" * 10_000
BAD = b"other bytes, as many" * 10_000
DIGEST = "sha256:" + hashlib.sha256(GOOD).hexdigest()
HEADERS = f"HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nDocker-Content-Digest: {DIGEST}\r\n"
TYPES = "application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json, "


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cache_check", ROOT / "roles/gateway/files/cache_check.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


cache_check = load()


class Cache:
    """A cache of Nginx, a mirror, and what checks them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.now = time.time()
        self.start()

    def start(self) -> None:
        self.checker = cache_check.Checker([str(self.root)], [str(self.root / "mirror")], str(self.root / "verified"))

    def put(self, key: str, body: bytes, headers: str = HEADERS) -> Path:
        """What Nginx does: a temporary file with its own header, the key and the answer, which is then renamed."""
        name = hashlib.md5(key.encode()).hexdigest()  # noqa: S324 - the name that Nginx gives it
        path = self.root / name[-1] / name[-3:-1] / name
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(name + ".0000000001")
        temporary.write_bytes(b"\x05\0\0\0" * 80 + f"\nKEY: {key}\n{headers}\r\n".encode() + body)
        temporary.rename(path)
        return path

    def mirror(self, body: bytes) -> Path:
        value = DIGEST.partition(":")[2]
        path = self.root / "mirror/docker/registry/v2/blobs/sha256" / value[:2] / value / "data"
        path.parent.mkdir(parents=True)
        path.write_bytes(body)
        return path

    def look(self) -> int:
        """Look a second later; gives how many files were wrong."""
        self.now += 1
        return len(self.checker.look(self.now))


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path)


def test_right_bytes_stay(cache: Cache) -> None:
    paths = [
        cache.put(DIGEST, GOOD),
        cache.put(f"docker.io/library/alpine|{DIGEST}|{TYPES}", GOOD),
        cache.put(f"docker.io/library/alpine|latest|{TYPES}", GOOD),
    ]
    assert cache.look() == 0
    assert all(path.exists() for path in paths)


@pytest.mark.parametrize(
    "key", [DIGEST, f"docker.io/library/alpine|{DIGEST}|{TYPES}", f"docker.io/library/alpine|latest|{TYPES}"]
)
def test_wrong_bytes_go(cache: Cache, key: str) -> None:
    path = cache.put(key, BAD)
    assert cache.look() == 1
    assert not path.exists()
    assert cache.look() == 0


def test_a_truncated_blob_goes(cache: Cache) -> None:
    path = cache.put(DIGEST, GOOD[:-1])
    assert cache.look() == 1
    assert not path.exists()


def test_what_comes_later_is_found_as_well(cache: Cache) -> None:
    assert cache.look() == 0
    first = cache.put(DIGEST, GOOD)
    assert cache.look() == 0
    second = cache.put(DIGEST, BAD)
    assert first == second
    assert cache.look() == 1
    assert not second.exists()


def test_a_file_that_is_not_complete_is_left_alone(cache: Cache) -> None:
    path = cache.put(DIGEST, BAD)
    temporary = path.rename(path.with_name(path.name + ".0000000002"))
    assert cache.look() == 0
    assert temporary.exists()


@pytest.mark.parametrize("headers", ["HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nDocker-Content-Digest: md5:12\r\n"])
def test_what_cannot_be_verified_stays(cache: Cache, headers: str) -> None:
    path = cache.put(f"docker.io/library/alpine|latest|{TYPES}", BAD, headers)
    assert cache.look() == 0
    assert path.exists()


def test_wrong_bytes_go_from_the_mirror_too(cache: Cache) -> None:
    cache.put(DIGEST, BAD)
    behind = cache.mirror(BAD)
    assert cache.look() == 1
    assert not behind.exists()


def test_a_mirror_that_has_the_right_bytes_keeps_them(cache: Cache) -> None:
    cache.put(DIGEST, BAD)
    behind = cache.mirror(GOOD)
    assert cache.look() == 1
    assert behind.exists()


def test_each_file_is_read_once(cache: Cache, monkeypatch: pytest.MonkeyPatch) -> None:
    cache.put(DIGEST, GOOD)
    read = []
    verify = cache_check.verify

    def watched(stream: BinaryIO) -> Any:
        read.append(stream.name)
        return verify(stream)

    monkeypatch.setattr(cache_check, "verify", watched)
    for _turn in range(10):
        cache.look()
    assert len(read) == 1


def test_after_a_restart_only_what_is_new_is_read(cache: Cache) -> None:
    known = cache.put(DIGEST, GOOD)
    cache.now += 60
    assert cache.look() == 0
    known.write_bytes(known.read_bytes().replace(GOOD, BAD))  # as no cache would do it
    cache.start()
    cache.now += 60
    assert cache.look() == 0
    assert known.exists()


def test_a_clock_that_is_put_back_makes_it_read_everything(cache: Cache) -> None:
    cache.now += 3600
    assert cache.look() == 0
    path = cache.put(DIGEST, BAD)
    cache.now -= 3600
    assert cache.look() == 1
    assert not path.exists()


def test_short_space_is_noted_until_there_is_enough_again(tmp_path: Path) -> None:
    note = tmp_path / "full"

    def look(free: int) -> tuple[bool, bool]:
        return cache_check.note_space(str(note), free, 100), note.exists()

    assert look(100) == (False, False)
    assert look(50) == (False, False)
    assert look(49) == (True, True)
    assert look(0) == (False, True)
    assert look(99) == (False, True), "or it would come and go all the time"
    assert look(100) == (True, False)
    assert look(50) == (False, False)
    assert cache_check.free_bytes(str(tmp_path)) > 0
