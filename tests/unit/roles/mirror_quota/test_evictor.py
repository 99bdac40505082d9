# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One look: what goes from the disk, what stays, and what is said of it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from mirror_quota.errors import QuotaError
from mirror_quota.storage import Store
from tests.lab.mkimage import Image, Index, random_layer

from .conftest import DAY, MIB, Host, blobs, layers, stored, usage

BASE = random_layer(2, "base")
A = Image("library/a", ("1",), (BASE, random_layer(3, "a")))
B = Image("library/b", ("1",), (BASE, random_layer(3, "b")))
C = Image("team/c", ("1",), (random_layer(3, "c"),))
ROOM = 11 * MIB
"""A little less than all three take."""


def links(data_dir: Path, blob: str) -> list[Path]:
    return [path for path in data_dir.rglob("link") if "_layers" in path.parts and path.parts[-2] == blob[7:]]


def test_what_was_not_used_for_the_longest_time_goes(host: Host) -> None:
    data = host.upstream("docker.io", A, B, C)
    for age, image in ((9, B), (3, C)):
        host.used("blob", image.repository, layers(image)[-1], age * DAY)
    assert usage(data) > ROOM
    look = host.look(quota=ROOM)
    assert look.freed.blobs > 0
    assert usage(data) <= 0.9 * ROOM
    there = blobs(data)
    assert layers(A)[1] not in there
    assert {layers(B)[1], layers(C)[0]} <= there
    assert links(data, layers(A)[1]) == []


def test_within_the_limits_nothing_goes(host: Host) -> None:
    data = host.upstream("docker.io", A, B, C)
    before = sorted(data.rglob("*"))
    assert host.look(quota=2 * ROOM).freed == (0, 0, 0)
    assert sorted(data.rglob("*")) == before


def test_a_shared_layer_is_as_new_as_its_newest_use_and_goes_from_all_images(host: Host) -> None:
    data = host.upstream("docker.io", A, B, C)
    host.used("blob", "library/a", stored(BASE), 1 * DAY)
    host.look(quota=ROOM)
    assert stored(BASE) in blobs(data)
    assert len(links(data, stored(BASE))) == 2
    host.look(quota=MIB)
    assert stored(BASE) not in blobs(data)
    assert links(data, stored(BASE)) == []


@pytest.mark.parametrize("by_tag", [True, False])
def test_who_pulls_a_manifest_uses_the_image(host: Host, by_tag: bool) -> None:
    """A client that has the layers already asks for the manifest alone."""
    data = host.upstream("docker.io", A, B, C)
    (tag,) = data.rglob("repositories/library/a/_manifests/tags/1/current/link")
    host.used("manifest", "library/a", "1" if by_tag else tag.read_text(), 1 * DAY)
    host.look(quota=7 * MIB)
    assert set(layers(A)) <= blobs(data)


@pytest.mark.parametrize(
    "line",
    [
        {"method": "HEAD"},
        {"status": 404},
        {"upstream": "ghcr.io"},
        {"upstream": "../.."},
        {"repository": "library/a", "uri": None},
        {"time": "yesterday"},
        {"uri": 7},
    ],
)
def test_what_is_no_use(host: Host, line: dict[str, object]) -> None:
    data = host.upstream("docker.io", A)
    host.store("docker.io", C, age=50 * DAY)
    host.used("blob", "library/a", layers(A)[1], 0, wrong=line)
    host.log.open("a").write('"kind":"blob" no json\n')
    host.look(quota=8 * MIB)
    assert layers(A)[1] not in blobs(data) or layers(A)[0] not in blobs(data)
    assert layers(C)[0] in blobs(data)


def test_a_tag_cannot_lead_out_of_the_repository(host: Host) -> None:
    host.upstream("docker.io", A)
    host.used("manifest", "library/a/../a", "1", 0)
    host.used("manifest", "library/a", "..", 0)
    host.look(quota=ROOM)
    assert (host.settings.state_dir / "uses.json").read_text().count("sha256:") == 0


def test_manifests_stay_while_anything_is_left_or_they_are_used(host: Host) -> None:
    data = host.upstream("docker.io", A)
    (manifest,) = {path.parts[-2] for path in data.rglob("_manifests/revisions/*/*/link")}
    host.used("manifest", "library/a", "1", 29 * DAY)
    host.look(quota=MIB)
    assert f"sha256:{manifest}" in blobs(data)
    assert not set(layers(A)) & blobs(data)
    host.now += 2 * DAY
    assert host.look(quota=MIB).freed.manifests == 1
    assert f"sha256:{manifest}" not in blobs(data)
    assert not list(data.rglob("_manifests/**/link"))
    host.now += 1 * DAY
    host.date(2 * DAY, *data.rglob("*"))
    host.look(quota=MIB)
    assert not list(data.rglob(f"*{manifest}*")), "empty directories go later"


def test_an_index_stays_with_one_of_its_images(host: Host) -> None:
    other = Image("team/multi", (), (random_layer(3, "arm"),), architecture="arm64")
    image = Image("team/multi", (), (random_layer(3, "amd"),))
    data = host.upstream("docker.io", Index("team/multi", ("1",), (image, other)))
    host.used("blob", "team/multi", layers(image)[0], 1 * DAY)
    look = host.look(quota=4 * MIB)
    assert layers(image)[0] in blobs(data)
    assert look.freed.manifests == 1, "that of the image nobody wanted"
    assert (data / "docker/registry/v2/repositories/team/multi/_manifests/tags/1/current/link").exists()
    assert host.look(quota=MIB).freed.manifests == 2
    assert list(data.rglob("tags/1")) == []


def test_what_is_left_of_an_expiry_goes(host: Host) -> None:
    """The registry takes the data of a blob and one link, and the link of a manifest."""
    data = host.upstream("docker.io", A, B)
    store = Store(data)
    os.unlink(store.blobs[stored(BASE)].path)
    (revision,) = [link for links in store.revisions.values() for link in links if "library/a" in link.path]
    os.unlink(revision.path)
    host.look(quota=2 * ROOM)
    assert links(data, stored(BASE)) == []
    assert f"sha256:{Path(revision.path).parts[-2]}" not in blobs(data)
    assert list(data.rglob("library/a/_manifests/tags/1")) == []
    assert list(data.rglob("library/b/_manifests/tags/1")) != []


def test_a_fetch_in_progress_is_left_alone_and_counts(host: Host) -> None:
    data = host.upstream("docker.io", A)
    part = data / "docker/registry/v2/repositories/team/c/_uploads/1/data"
    part.parent.mkdir(parents=True)
    part.write_bytes(os.urandom(4 * MIB))
    fresh = data / "docker/registry/v2/blobs/sha256/00" / ("0" * 64) / "data"
    fresh.parent.mkdir(parents=True)
    fresh.write_bytes(b"has no link yet")
    for path in (part, fresh):
        os.utime(path, (host.now, host.now))
    look = host.look(quota=6 * MIB)
    assert part.exists()
    assert fresh.exists()
    assert look.upstreams["docker.io"].fetching == 4 * MIB
    assert not set(layers(A)) <= blobs(data)
    assert host.result()["ok"] is True
    assert "just being fetched" in host.look(quota=MIB).problem


def test_a_minimum_of_free_space(host: Host) -> None:
    data = host.upstream("docker.io", A, C)
    host.used("blob", "team/c", layers(C)[0], 0)
    host.disk = host.disk._replace(free=10 * MIB)
    assert host.look(min_free=9 * MIB).freed.blobs == 0
    look = host.look(min_free=12 * MIB)
    assert 2 * MIB <= look.freed.bytes < 9 * MIB
    assert layers(C)[0] in blobs(data)
    assert "nothing left to remove" in host.look(min_free=100 * MIB).problem
    assert host.result()["ok"] is False


def test_shares(host: Host) -> None:
    hub = host.upstream("docker.io", A, B, share=50)
    other = host.upstream("ghcr.io", C, age=200 * DAY)
    host.look(quota=8 * MIB)
    assert usage(hub) <= 4 * MIB
    assert layers(C)[0] in blobs(other), "older, but within its own room"


def test_the_result(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.upstream("docker.io", A, B, C)
    dry = host.look(quota=ROOM, dry=True)
    assert not (host.settings.state_dir / "result.json").exists()
    look = host.look(quota=ROOM)
    assert dry.freed == look.freed
    said = capsys.readouterr().err
    assert f"by {look.freed.blobs} blobs (docker.io " in said
    found = host.result()
    assert (found["ok"], found["error"], found["quota_bytes"]) == (True, None, ROOM)
    assert found["total"] == look.freed._asdict()
    host.look(quota=ROOM)
    assert capsys.readouterr().err == ""
    again = host.result()
    assert again["last_eviction"] == found["last_eviction"]
    assert again["total"] == found["total"]


def test_a_private_registry_is_never_touched(host: Host) -> None:
    data = host.upstream("registry.example", A)
    config = host.settings.upstreams[0].config_file
    for text in ("version: 0.1\nstorage: {}\n", "version: 0.1\n# proxy:\n", "auth:\nproxy:\nhttp:\n  remoteurl: x\n"):
        config.write_text(text)
        with pytest.raises(QuotaError, match="not that of a mirror; its data is left alone"):
            host.look(quota=1)
    config.unlink()
    with pytest.raises(QuotaError, match="cannot be seen"):
        host.look(quota=1)
    assert set(layers(A)) <= blobs(data)


def test_without_a_log_it_goes_by_age_and_says_so(host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    data = host.upstream("docker.io", A)
    host.store("docker.io", C, age=5 * DAY)
    host.log.unlink()
    host.look(quota=6 * MIB)
    assert layers(C)[0] in blobs(data)
    assert "no access log" in capsys.readouterr().err


def test_uses_survive_a_turn_of_the_log_and_a_restart(host: Host) -> None:
    data = host.upstream("docker.io", A, B, C)
    host.used("blob", "library/a", layers(A)[0], 5 * DAY)
    host.look(quota=2 * ROOM)
    host.used("blob", "library/a", layers(A)[1], 4 * DAY)
    with host.log.open("a") as file:
        file.write('{"half a line')
    host.log.rename(host.log.with_name("access.json.1"))
    host.used("blob", "team/c", layers(C)[0], 3 * DAY)
    host.look(quota=2 * ROOM)
    host.log.with_name("access.json.1").unlink()
    host.log.write_text("")
    host.look(quota=10 * MIB)
    assert {*layers(A), *layers(C)} <= blobs(data)
    assert layers(B)[1] not in blobs(data)


def test_a_result_that_cannot_be_written_stops_nothing(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    host.upstream("docker.io", A, B, C)

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mirror_upkeep.state.save", full)
    assert host.look(quota=ROOM).freed.blobs > 0
    assert "cannot be written down: [Errno 28] No space left" in capsys.readouterr().err
