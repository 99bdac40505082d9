# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images out of one host's mirrors, in a file, and into those of another host."""

from __future__ import annotations

import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from mirror_upkeep import bundle
from mirror_upkeep.digests import Check, split
from mirror_upkeep.errors import UpkeepError
from mirror_upkeep.gateway import Client
from mirror_upkeep.settings import Settings, Wish

from .conftest import Registry, wish

NAME = "docker.io/team/app"


def export(settings: Settings, path: Path, *wishes: Wish) -> list[bundle.Item]:
    client = Client(settings.gateway)
    try:
        return bundle.export(settings._replace(wishes=list(wishes)), client, path)
    finally:
        client.close()


def as_printed(items: list[bundle.Item]) -> list[bundle.Item]:
    """What comes of the list on its way through the bundle's file."""
    return bundle.parse(json.loads(json.dumps([item._asdict() for item in items])))


@pytest.fixture
def images(registry: Registry) -> dict[str, dict[str, Any]]:
    """An index for three platforms with a tag, and an image without an index that shares a layer with it."""
    platforms = {name: registry.image(NAME, name.encode()) for name in ("linux_amd64", "linux_arm64", "linux_s390x")}
    registry.index(NAME, "1", **platforms)
    registry.tag(NAME, "plain", platforms["linux_amd64"])
    return platforms


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_was_exported_can_be_loaded(settings: Settings, tmp_path: Path, images: dict[str, dict[str, Any]]) -> None:
    path = tmp_path / "images.tar"
    items = export(settings, path, wish("1", "plain", platforms=("linux/amd64", "linux/arm64")))
    assert [item.name for item in items] == [f"{NAME}:1", f"{NAME}:plain"]
    listed = as_printed(items)
    assert bundle.missing(settings, listed) == [f"{NAME}:1", f"{NAME}:plain"]
    assert [item.name for item in bundle.load(settings, path)] == [f"{NAME}:1", f"{NAME}:plain"]
    assert bundle.missing(settings, listed) == []
    assert bundle.load(settings, path) == []
    stored = files(tmp_path / "data")
    assert not any("load" in name for name in stored), "nothing unfinished is left"
    assert {len(set(items[0].manifests)), len(items[0].blobs)} == {3, 4}, "an index and two platforms"
    assert images["linux_s390x"]["digest"] not in items[0].manifests


def test_a_blob_stands_in_the_file_once(settings: Settings, tmp_path: Path, images: dict[str, Any]) -> None:
    path = tmp_path / "images.tar"
    export(settings, path, wish("1", "plain"))
    with tarfile.open(path) as tar:
        names = tar.getnames()
    assert len(names) == len(set(names))
    assert (names[0], names[-1]) == ("oci-layout", "index.json")


def stored_files(settings: Settings, tmp_path: Path) -> tuple[list[bundle.Item], Path, list[str]]:
    path = tmp_path / "images.tar"
    items = export(settings, path, wish("1"))
    bundle.load(settings, path)
    return items, path, sorted(files(tmp_path / "data"))


@pytest.mark.usefixtures("images")
def test_every_file_that_is_lost_is_missed_and_comes_back(settings: Settings, tmp_path: Path) -> None:
    items, path, names = stored_files(settings, tmp_path)
    before = files(tmp_path / "data")
    # The list of all that a tag once stood for is read by nobody who pulls.
    for name in (name for name in names if "/tags/1/index/" not in name):
        (tmp_path / "data" / name).unlink()
        assert bundle.missing(settings, items) == [f"{NAME}:1"], name
        bundle.load(settings, path)
        assert files(tmp_path / "data") == before, name


@pytest.mark.usefixtures("images")
def test_a_blob_that_a_power_cut_left_short_comes_back(settings: Settings, tmp_path: Path) -> None:
    items, path, names = stored_files(settings, tmp_path)
    before = files(tmp_path / "data")
    for name in (name for name in names if name.endswith("/data")):
        (tmp_path / "data" / name).write_bytes(b"")
    assert bundle.missing(settings, items) == [f"{NAME}:1"]
    bundle.load(settings, path)
    assert files(tmp_path / "data") == before


@pytest.mark.usefixtures("images")
def test_a_tag_that_moved_is_missed(registry: Registry, settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "images.tar"
    export(settings, path, wish("1"))
    bundle.load(settings, path)
    registry.tag(NAME, "1", registry.image(NAME, b"newer"))
    items = export(settings, path, wish("1"))
    assert bundle.missing(settings, items) == [f"{NAME}:1"]
    bundle.load(settings, path)
    assert bundle.missing(settings, items) == []


def test_an_image_that_is_not_there_makes_no_bundle(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(UpkeepError, match="404 manifest unknown"):
        export(settings, tmp_path / "images.tar", wish("1"))
    with pytest.raises(UpkeepError, match="has no list of its images"):
        bundle.load(settings, tmp_path / "images.tar")


def test_other_bytes_than_the_digest_says_make_no_bundle(
    registry: Registry, settings: Settings, tmp_path: Path
) -> None:
    registry.tag(NAME, "1", registry.image(NAME, b"layer"))
    blob = next(path for path in registry.answers if "/blobs/" in path)
    status, headers, content = registry.answers[blob]
    for wrong in (b"x" * len(content), content + b"more", content[:-1]):
        registry.answers[blob] = (status, headers, wrong)
        with pytest.raises(UpkeepError, match="bytes came for|unexpected end of data"):
            export(settings, tmp_path / "images.tar", wish("1"))


def changed(path: Path, old: bytes, new: bytes) -> None:
    """Damage the content of a file in an uncompressed tar, and nothing else."""
    content = path.read_bytes()
    assert old in content
    assert len(old) == len(new)
    path.write_bytes(content.replace(old, new))


@pytest.mark.usefixtures("images")
def test_a_damaged_file_leaves_nothing_wrong_in_the_store(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "images.tar"
    items = export(settings, path, wish("plain"))
    changed(path, b"linux_amd64", b"linux_amd46")
    with pytest.raises(UpkeepError, match="which are others"):
        bundle.load(settings, path)
    assert bundle.missing(settings, items) == [f"{NAME}:plain"]
    assert not any(b"linux_amd46" in content for content in files(tmp_path / "data").values())


@pytest.mark.usefixtures("images")
def test_a_file_that_ends_too_early(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "images.tar"
    export(settings, path, wish("1"))
    whole = path.read_bytes()
    with tarfile.open(path) as tar:
        last = tar.getmember("index.json")
    for length in range(0, last.offset_data + last.size, 256):
        path.write_bytes(whole[:length])
        with pytest.raises(UpkeepError):
            bundle.load(settings, path)
        assert not (tmp_path / "data" / "docker").exists(), length


@pytest.mark.usefixtures("images")
def test_no_room(settings: Settings, tmp_path: Path) -> None:
    path = tmp_path / "images.tar"
    export(settings, path, wish("1"))
    (tmp_path / "data").write_text("a file where a directory has to be")
    with pytest.raises(UpkeepError, match="cannot be loaded"):
        bundle.load(settings, path)


@pytest.mark.parametrize(
    "name",
    [
        "quay.io/team/app:1",
        "docker.io/../team/app:1",
        "docker.io/team/app",
        "docker.io/team/app:../1",
        "docker.io/Team:1",
        "docker.io:1",
    ],
)
def test_a_name_for_which_there_is_no_place(settings: Settings, name: str) -> None:
    digest = "sha256:" + "0" * 64
    item = bundle.Item(name, digest, {digest: 1}, {})
    with pytest.raises(UpkeepError, match="add it to mirror_upstreams" if "quay" in name else "is no name"):
        bundle.missing(settings, [item])


@pytest.mark.parametrize("document", [None, 1, ["x"], [{"name": "x"}], [{"other": 1}]])
def test_a_list_that_is_none(document: Any) -> None:
    with pytest.raises(UpkeepError, match="no list of images"):
        bundle.parse(document)


@pytest.mark.parametrize("digest", ["", "sha256", "sha256:", "md5:00", "sha256:../../x", "sha256:ABC"])
def test_what_is_no_digest_becomes_no_path(digest: str) -> None:
    with pytest.raises(UpkeepError, match="is no digest"):
        split(digest)


def test_other_digests_than_sha256() -> None:
    check = Check(
        "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e"
    )
    check.verify("nothing")
    check.update(b"x")
    with pytest.raises(UpkeepError, match="1 bytes came for sha512:"):
        check.verify("something")


@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.usefixtures("images")
def test_load_repairs_whatever_is_lost(settings: Settings, tmp_path: Path, data: st.DataObject) -> None:
    """As after a power cut in the middle of it."""
    items, path, names = stored_files(settings, tmp_path)
    before = files(tmp_path / "data")
    for name in data.draw(st.sets(st.sampled_from(names))):
        (tmp_path / "data" / name).unlink()
    bundle.load(settings, path)
    assert bundle.missing(settings, items) == []
    after = files(tmp_path / "data")
    assert {**before, **after} == before, "nothing else than before"
    assert {name for name in before if "/tags/1/index/" not in name} <= set(after)
    shutil.rmtree(tmp_path / "data")
