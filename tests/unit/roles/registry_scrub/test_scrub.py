# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Damage on the disk is found in time, removed where it can be fetched again, and reported where it cannot."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from registry_scrub import __main__ as command
from registry_scrub.blobs import Blob, blobs, damage
from registry_scrub.links import links
from registry_scrub.scrub import DAY, HOUR, Scrub
from registry_scrub.settings import ScrubError, Settings, Store, read
from tests.lab.mkimage import Image, digest, random_layer, registry_tree

NOW = 1_800_000_000.0
APP = Image("team/app", ("1",), (random_layer(1, "shared"), random_layer(1, "app")))
WEB = Image("team/web", ("1",), (random_layer(1, "shared"), random_layer(1, "web")))
MIRROR = "version: 0.1\nproxy:\n  username: ''\n  remoteurl: https://registry.example\n"
PRIVATE = "version: 0.1\nstorage:\n  filesystem: {}\n"


class Host:
    """A host with one registry, whose clock stands still until a test moves it."""

    def __init__(self, folder: Path, *, refetch: bool, days: float = 10, config: str | None = None) -> None:
        self.data, self.state = folder / "data", folder / "state"
        self.now = NOW
        file = folder / "config.yml"
        file.write_text(config if config is not None else MIRROR if refetch else PRIVATE)
        self.settings = Settings(self.state, days, [Store("store", self.data, file, refetch)])
        self.fill(APP, WEB)

    def fill(self, *content: Image, age: float = 100 * DAY) -> None:
        for path, data in registry_tree(content).items():
            target = self.data / path
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
                os.utime(target, (self.now - age, self.now - age))

    def scrub(self, *, everything: bool = False, after: float = 0) -> bool:
        self.now += after
        return Scrub(self.settings, lambda: self.now).run(everything)

    def result(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.state / "result.json").read_text())
        return found

    def store(self) -> dict[str, Any]:
        found: dict[str, Any] = self.result()["stores"]["store"]
        return found

    def digests(self) -> list[str]:
        return [blob.digest for blob in blobs(self.data)]

    def blob(self, content: bytes) -> Path:
        value = digest(content)[7:]
        return self.data / f"docker/registry/v2/blobs/sha256/{value[:2]}/{value}/data"

    def layer(self, which: str) -> Path:
        """The layer that only this image has."""
        (found,) = [
            path.parent.name
            for path in (self.data / f"docker/registry/v2/repositories/team/{which}/_layers/sha256").glob("*/link")
            if self._file(path.parent.name).stat().st_size > 1000 and not self._shared(path.parent.name)
        ]
        return self._file(found)

    def _file(self, value: str) -> Path:
        return self.data / f"docker/registry/v2/blobs/sha256/{value[:2]}/{value}/data"

    def _shared(self, value: str) -> bool:
        return len(list((self.data / "docker/registry/v2/repositories").rglob(f"_layers/sha256/{value}/link"))) > 1


def flip(path: Path, offset: int = 0) -> str:
    """Change one bit as a bad disk does, which leaves size and date as they were; gives the digest."""
    status = path.stat()
    content = bytearray(path.read_bytes())
    content[offset] ^= 1
    path.write_bytes(content)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    return f"sha256:{path.parent.name}"


def test_what_is_right_stays(tmp_path: Path) -> None:
    host = Host(tmp_path, refetch=True)
    before = host.digests()
    assert host.scrub(everything=True)
    assert host.digests() == before
    assert host.result()["ok"] is True
    assert host.store()["checked"]["blobs"] == len(before)
    assert host.store()["total"]["bytes"] == sum(blob.size for blob in blobs(host.data))


@pytest.mark.parametrize("harm", ["bit", "half", "empty", "longer"])
def test_a_mirror_loses_what_is_damaged_and_nothing_else(
    tmp_path: Path, harm: str, capsys: pytest.CaptureFixture[str]
) -> None:
    host = Host(tmp_path, refetch=True)
    before, bad = host.digests(), host.layer("app")
    value = f"sha256:{bad.parent.name}"
    if harm == "bit":
        flip(bad, 5)
    elif harm == "longer":
        bad.write_bytes(bad.read_bytes() + b"x")
    else:
        os.truncate(bad, bad.stat().st_size // 2 if harm == "half" else 0)
    assert host.scrub(everything=True), "nobody has to do anything"
    assert host.digests() == [one for one in before if one != value]
    assert list((host.data / "docker/registry/v2/repositories").rglob(f"{bad.parent.name}/link")) == []
    assert host.store()["removed"][0]["repositories"] == ["team/app"]
    assert f"WARNING: store: {value} is damaged" in capsys.readouterr().err


def test_a_private_registry_keeps_it_and_reports_it_until_it_is_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host = Host(tmp_path, refetch=False)
    assert host.scrub(everything=True)
    path = host.layer("web")
    value, before = flip(path), host.digests()
    assert not host.scrub(everything=True)
    assert host.digests() == before
    shown = capsys.readouterr().err
    assert f"ERROR: store: {value} is damaged: its {path.stat().st_size} bytes are not those of its digest" in shown
    assert "Repositories: team/web." in shown
    found = host.store()["damaged"][value]
    assert (found["repositories"], found["path"], found["found"]) == (["team/web"], str(path), NOW)
    assert not host.scrub(after=HOUR), "each later run says so again"
    assert host.store()["damaged"][value]["found"] == NOW
    flip(path)
    assert host.scrub(after=HOUR), "and sees at once that it was repaired"
    assert f"{value} is right again" in capsys.readouterr().err
    assert host.store()["damaged"] == {}


def test_what_was_damaged_and_is_gone_is_forgotten(tmp_path: Path) -> None:
    host = Host(tmp_path, refetch=False)
    path = host.layer("web")
    flip(path)
    assert not host.scrub(everything=True)
    path.unlink()
    assert host.scrub(after=HOUR)


def test_everything_is_read_once_in_the_days_and_evenly(tmp_path: Path) -> None:
    host = Host(tmp_path, refetch=True, days=10)
    for number in range(40):
        host.fill(Image(f"many/{number}", ("1",), (f"layer {number}".encode() * 400,)))
    total = sum(blob.size for blob in blobs(host.data))
    largest = max(blob.size for blob in blobs(host.data))
    read = []
    while True:
        assert host.scrub(after=HOUR)
        read.append(host.store()["checked"])
        if host.store()["round_ended"]:
            break
    assert 0.8 * 240 <= len(read) <= 242, "hours of ten days"
    assert sum(part["blobs"] for part in read) == len(host.digests()), "each blob once"
    assert max(part["bytes"] for part in read) <= total / 240 + largest
    assert host.store()["round_ended"] - NOW <= 10.1 * DAY
    bad = flip(host.layer("app"))
    while bad in host.digests():
        assert host.scrub(after=HOUR)
    assert host.now - host.store()["round_ended"] <= 10.1 * DAY, "and again in the next round"


def test_a_host_that_was_off_does_not_read_everything_at_once(tmp_path: Path) -> None:
    host = Host(tmp_path, refetch=True, days=10)
    for number in range(50):
        host.fill(Image(f"many/{number}", ("1",), (f"layer {number}".encode() * 4000,)))
    host.scrub()
    host.scrub(after=30 * DAY)
    assert host.store()["checked"]["bytes"] <= host.store()["total"]["bytes"] / 10 + (1 << 21)


def test_what_came_since_the_last_run_is_read_by_the_next_one(tmp_path: Path) -> None:
    """So what a power cut has left half written does not wait for its turn."""
    host = Host(tmp_path, refetch=True, days=1000)
    host.scrub()
    host.now += HOUR
    new = Image("team/new", ("1",), (random_layer(1, "new"),))
    host.fill(new, age=30)
    bad = host.layer("new")
    content = bad.read_bytes()
    bad.write_bytes(content[:4096] + bytes(len(content) - 4096))  # the size was on the disk, the data was not
    os.utime(bad, (host.now - 30, host.now - 30))
    host.scrub()
    assert f"sha256:{bad.parent.name}" not in host.digests()


def test_a_scrub_that_is_stopped_goes_on_where_it_was(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    host = Host(tmp_path, refetch=True)
    everything = len(host.digests())
    calls: list[int] = []

    def stopped() -> bool:
        calls.append(1)
        return len(calls) > 3

    Scrub(host.settings, lambda: NOW, stopped).run(everything=True)
    assert "It was stopped" in capsys.readouterr().err
    first = host.store()
    assert 0 < first["checked"]["blobs"] < everything
    assert first["cursor"] != ""
    while not host.store()["round_ended"]:
        host.scrub(after=DAY)
    assert host.store()["round_began"] is None


def test_a_file_that_is_replaced_meanwhile_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(tmp_path, refetch=True)
    path = host.layer("app")
    content = path.read_bytes()
    os.truncate(path, 10)
    (blob,) = [blob for blob in blobs(host.data) if blob.path == path]

    def meanwhile() -> bool:
        part = path.with_name("part")
        part.write_bytes(content)
        part.replace(path)
        return False

    assert damage(blob, meanwhile) == ""
    assert damage(blob, lambda: False) == ""
    path.unlink()
    assert damage(blob, lambda: False) == ""


def test_a_disk_that_cannot_read_it_is_damage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mock: a bad sector cannot be had here without root."""
    path = tmp_path / "data"
    path.write_bytes(b"x")

    class Bad:
        def __enter__(self) -> object:
            return self

        def __exit__(self, *_what: object) -> None:
            os.close(self.descriptor)

        def fileno(self) -> int:
            self.descriptor = os.open(path, os.O_RDONLY)
            return self.descriptor

        def read(self, _size: int) -> bytes:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "open", lambda *_a, **_k: Bad())
    assert damage(Blob("sha256:" + "0" * 64, path, 1, NOW), lambda: False) == "it cannot be read: Input/output error"


def test_what_is_no_mirror_is_never_removed(tmp_path: Path) -> None:
    host = Host(tmp_path, refetch=True, config=PRIVATE)
    flip(host.layer("app"))
    before = host.digests()
    with pytest.raises(ScrubError, match="is not that of a mirror"):
        host.scrub(everything=True)
    assert host.digests() == before
    host.settings.stores[0].config_file.unlink()
    with pytest.raises(ScrubError, match="whether it is a mirror cannot be seen"):
        host.scrub(everything=True)


def test_a_digest_of_an_unknown_kind_is_left_alone(tmp_path: Path) -> None:
    host = Host(tmp_path, refetch=True)
    odd = host.data / f"docker/registry/v2/blobs/blake9/00/{'0' * 64}/data"
    odd.parent.mkdir(parents=True)
    odd.write_bytes(b"x")
    assert host.scrub(everything=True)
    assert odd.exists()


def test_set_aside(tmp_path: Path) -> None:
    host = Host(tmp_path, refetch=False)
    path = host.layer("app")
    scrub = Scrub(host.settings, lambda: NOW)
    value = f"sha256:{path.parent.name}"
    with pytest.raises(ScrubError, match="is what its digest says; it stays"):
        scrub.set_aside(value)
    with pytest.raises(ScrubError, match="There is no sha256:1"):
        scrub.set_aside("sha256:1")
    flip(path)
    assert scrub.set_aside(value) == ["team/app"]
    assert not path.exists()
    assert path.with_name("data.damaged").exists()
    assert value not in host.digests()


@pytest.mark.parametrize("content", ["", "sha256:", "\0" * 71, "sha256:" + "0" * 64])
@pytest.mark.parametrize("kind", ["_layers/sha256", "_manifests/revisions/sha256"])
def test_a_link_is_written_anew(tmp_path: Path, kind: str, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    host = Host(tmp_path, refetch=False)
    links = sorted((host.data / "docker/registry/v2/repositories/team/app" / kind).glob("*/link"))
    before = [link.read_text() for link in links]
    assert host.scrub()
    host.now += HOUR
    links[0].write_text(content)
    os.utime(links[0], (host.now - 30, host.now - 30))
    assert host.scrub()
    assert [link.read_text() for link in links] == before
    assert f"{links[0]} was repaired" in capsys.readouterr().err
    assert host.scrub(after=HOUR)
    assert capsys.readouterr().err == ""


def test_an_old_link_that_is_empty_is_found_too(tmp_path: Path) -> None:
    host = Host(tmp_path, refetch=True)
    link = next((host.data / "docker/registry/v2/repositories/team/app/_layers").rglob("link"))
    link.write_text("")
    os.utime(link, (NOW - 100 * DAY, NOW - 100 * DAY))
    assert host.scrub()
    assert link.read_text() == f"sha256:{link.parent.name}"


def test_links_that_go_meanwhile_are_left_out(tmp_path: Path) -> None:
    """As they do when the quota makes room."""
    host = Host(tmp_path, refetch=True)
    everything = links(host.data)
    first = next(everything)
    shutil.rmtree(host.data / "docker/registry/v2/repositories" / first.repository)
    assert {link.repository for link in everything} == {"team/app", "team/web"} - {first.repository}


@pytest.mark.parametrize("refetch", [True, False])
def test_a_tag_that_says_nothing(tmp_path: Path, refetch: bool, capsys: pytest.CaptureFixture[str]) -> None:
    host = Host(tmp_path, refetch=refetch)
    link = host.data / "docker/registry/v2/repositories/team/app/_manifests/tags/1/current/link"
    before = link.read_text()
    link.write_text("")
    assert host.scrub() is refetch, "a mirror asks upstream what it stands for"
    assert ("the tag team/app:1 is damaged" in capsys.readouterr().err) is not refetch
    assert link.read_text() == ""
    assert host.scrub(after=HOUR) is refetch
    link.write_text(before)
    os.utime(link, (NOW - 100 * DAY, NOW - 100 * DAY))
    assert host.scrub(after=HOUR)


@pytest.mark.parametrize(("content", "whole"), [("{}", True), ("", False), ('{"a": ', False), ("[]", False)])
def test_the_list_of_what_expires(tmp_path: Path, content: str, whole: bool) -> None:
    host = Host(tmp_path, refetch=True)
    path = host.data / "scheduler-state.json"
    assert host.scrub()
    path.write_text(content)
    os.utime(path, (host.now, host.now))
    assert host.scrub()
    assert path.exists(), "it may just be written"
    assert host.scrub(after=HOUR)
    assert path.exists() is whole
    assert len(list(host.data.glob("scheduler-state.json.broken-*"))) == (0 if whole else 1)


def test_settings(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    store = {"name": "a", "data_dir": "/d", "config_file": "/c", "refetch": True}
    file.write_text(json.dumps({"state_dir": "/s", "days": 30, "stores": [store]}))
    assert read(file) == Settings(Path("/s"), 30.0, [Store("a", Path("/d"), Path("/c"), True)])
    for wrong in ("", "[]", '{"state_dir": "/s"}', '{"state_dir": "/s", "days": "x", "stores": []}'):
        file.write_text(wrong)
        with pytest.raises(ScrubError, match="cannot be used"):
            read(file)


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    host = Host(tmp_path, refetch=False)
    (store,) = host.settings.stores
    file = tmp_path / "settings.json"
    stores = [{**store._asdict(), "data_dir": str(store.data_dir), "config_file": str(store.config_file)}]
    file.write_text(json.dumps({"state_dir": str(host.state), "days": 30, "stores": stores}))
    options = ["--settings", str(file)]
    assert command.main([*options, "part"]) == 0
    path = host.layer("app")
    flip(path)
    assert command.main([*options, "all"]) == 1
    assert command.main([*options, "set-aside", f"sha256:{path.parent.name}"]) == 0
    assert capsys.readouterr().out == "team/app\n"
    assert command.main([*options, "part"]) == 0
    file.unlink()
    assert command.main([*options, "part"]) == 2
    assert "Run the playbook again" in capsys.readouterr().err
