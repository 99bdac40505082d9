# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images are reproducible and consistent: every digest that something names is the digest of what is there."""

from __future__ import annotations

import gzip
import io
import json
import tarfile

from tests.lab import catalogue, mkimage
from tests.lab.mkimage import File, Folder, Image, Index, Link

BLOBS = "docker/registry/v2/blobs/sha256"
REPOSITORIES = "docker/registry/v2/repositories"
BASE = mkimage.layer({"etc/name": File(b"base\n")})


def blob(tree: dict[str, bytes], digest: str) -> bytes:
    value = digest.removeprefix("sha256:")
    return tree[f"{BLOBS}/{value[:2]}/{value}/data"]


def tagged(tree: dict[str, bytes], repository: str, tag: str) -> dict[str, object]:
    link = tree[f"{REPOSITORIES}/{repository}/_manifests/tags/{tag}/current/link"].decode()
    loaded: dict[str, object] = json.loads(blob(tree, link))
    return loaded


def test_layer_does_not_depend_on_the_order_of_its_entries() -> None:
    one = mkimage.layer({"b": File(b"2"), "a/c": Link("../b"), "d": Folder()})
    two = mkimage.layer({"d": Folder(), "a/c": Link("../b"), "b": File(b"2")})
    assert one == two


def test_layer_has_folders_before_what_is_in_them_and_no_trace_of_its_maker() -> None:
    data = mkimage.layer({"usr/bin/tool": File(b"x", 0o755), "tmp": Folder(0o1777)})
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        members = tar.getmembers()
    assert [member.name for member in members] == ["tmp", "usr", "usr/bin", "usr/bin/tool"]
    assert {(member.uid, member.gid, member.mtime, member.uname) for member in members} == {(0, 0, 0, "root")}
    assert [member.mode for member in members] == [0o1777, 0o755, 0o755, 0o755]


def test_random_layer_depends_on_its_seed_alone() -> None:
    assert mkimage.random_layer(1, "one") == mkimage.random_layer(1, "one")
    assert mkimage.random_layer(1, "one") != mkimage.random_layer(1, "two")


def test_docker_archive_names_what_it_holds() -> None:
    image = Image("library/tool", ("1",), (BASE, mkimage.layer({"x": File(b"x")})), {"Cmd": ["sh"]}, "arm64")
    data = mkimage.docker_archive(image, ["tool:1", "tool:latest"])
    assert data == mkimage.docker_archive(image, ["tool:1", "tool:latest"])
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        files = {member.name: tar.extractfile(member).read() for member in tar.getmembers()}  # type: ignore[union-attr]
    (listing,) = json.loads(files["manifest.json"])
    config = json.loads(files[listing["Config"]])
    assert listing["RepoTags"] == ["tool:1", "tool:latest"]
    assert config["architecture"] == "arm64"
    assert config["config"]["Cmd"] == ["sh"]
    assert config["rootfs"]["diff_ids"] == [mkimage.digest(files[name]) for name in listing["Layers"]]


def test_registry_tree_holds_an_image_that_can_be_pulled() -> None:
    image = Image("library/tool", ("1", "latest"), (BASE,))
    tree = mkimage.registry_tree([image])
    manifest = tagged(tree, "library/tool", "1")
    assert manifest == tagged(tree, "library/tool", "latest")
    assert manifest["mediaType"] == mkimage.DOCKER_MANIFEST
    (layer,) = manifest["layers"]  # type: ignore[misc]
    packed = blob(tree, layer["digest"])  # type: ignore[has-type]
    assert len(packed) == layer["size"]  # type: ignore[has-type]
    assert gzip.decompress(packed) == BASE
    config = json.loads(blob(tree, manifest["config"]["digest"]))  # type: ignore[index]
    assert config["rootfs"]["diff_ids"] == [mkimage.digest(BASE)]


def test_registry_tree_links_every_blob_into_its_repository() -> None:
    tree = mkimage.registry_tree([Image("library/tool", ("1",), (BASE,)), Image("example/app", ("1",), (BASE,))])
    for repository in ("library/tool", "example/app"):
        links = [data.decode() for path, data in tree.items() if f"{REPOSITORIES}/{repository}/" in path]
        assert all(blob(tree, link) for link in links)
        assert len([path for path in tree if f"{repository}/_layers/" in path]) == 2


def test_every_blob_lies_at_its_own_digest() -> None:
    tree = mkimage.registry_tree(catalogue.content(b"busybox", ["sh", "busybox"], "amd64"))
    for path, data in tree.items():
        if path.startswith(BLOBS):
            assert mkimage.digest(data) == f"sha256:{path.split('/')[-2]}"


def test_index_names_one_manifest_for_each_architecture() -> None:
    images = tuple(Image("library/multi", (), (BASE,), architecture=arch, oci=True) for arch in ("amd64", "arm64"))
    tree = mkimage.registry_tree([Index("library/multi", ("1",), images)])
    index = tagged(tree, "library/multi", "1")
    assert index["mediaType"] == mkimage.OCI_INDEX
    found = {}
    for entry in index["manifests"]:  # type: ignore[attr-defined]
        child = json.loads(blob(tree, entry["digest"]))
        found[entry["platform"]["architecture"]] = json.loads(blob(tree, child["config"]["digest"]))["architecture"]
        assert child["mediaType"] == entry["mediaType"] == mkimage.OCI_MANIFEST
    assert found == {"amd64": "amd64", "arm64": "arm64"}


def test_no_two_images_of_the_catalogue_share_a_layer() -> None:
    layers: list[bytes] = []
    for item in catalogue.content(b"busybox", ["sh"], "amd64"):
        for image in item.images if isinstance(item, Index) else (item,):
            layers += image.layers
    assert len(layers) == len(set(layers))
