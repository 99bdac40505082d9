# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Take images out of the mirrors in one file, and put such a file into the mirrors of a host without upstreams."""

from __future__ import annotations

import http.client
import io
import re
import tarfile
from pathlib import Path
from typing import Any, NamedTuple

from . import state
from .errors import UpkeepError
from .gateway import Client
from .images import blobs_of, find, wanted_tags
from .layout import Reader, Writer, reader, writer
from .settings import Settings, Wish
from .store import Store

# https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md#pulling-manifests
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"(?P<upstream>[^/:]+)/(?P<repository>{_COMPONENT}(?:/{_COMPONENT})*):(?P<tag>\w[\w.-]{{0,127}})")


class Item(NamedTuple):
    """An image as a bundle lists it."""

    name: str
    """As ``docker.io/library/alpine:3.20``."""

    digest: str
    """That of the index, or of the only manifest."""

    manifests: dict[str, int]
    """Digests and sizes of all manifests, that of the index among them."""

    blobs: dict[str, int]
    """Digests and sizes of the configurations and layers."""


class Target(NamedTuple):
    """Where the images of a repository are stored."""

    store: Store
    repository: str
    tag: str


def export(settings: Settings, client: Client, path: Path) -> list[Item]:
    """Write all images that are kept warm to a file; raises UpkeepError if one of them cannot be had."""
    items: list[Item] = []
    try:
        with writer(path) as layout:
            for wish in settings.wishes:
                items += [_export(client, layout, wish, tag) for tag in wanted_tags(client, wish)]
    except (OSError, http.client.HTTPException, tarfile.TarError) as error:
        raise UpkeepError(f"{path} cannot be written, or a pull broke off: {error}") from error
    return items


def _export(client: Client, layout: Writer, wish: Wish, tag: str) -> Item:
    image = find(client, wish.name, tag, wish.platforms)
    manifests = {manifest.digest: manifest.body for manifest in (image.top, *image.manifests)}
    for digest, body in manifests.items():
        if digest not in layout:
            layout.add(digest, len(body), io.BytesIO(body))
    for digest, size in image.blobs.items():
        if digest not in layout:
            blob = client.blob(wish.name, digest)
            layout.add(digest, size, blob)
            blob.verify()
    item = Item(
        f"{wish.name}:{tag}",
        image.top.digest,
        {digest: len(body) for digest, body in manifests.items()},
        image.blobs,
    )
    layout.name(item.name, image.top.digest, len(image.top.body), image.top.media_type)
    state.log(f"{item.name} {item.digest}, {sum(item.blobs.values())} bytes")
    return item


def parse(document: Any) -> list[Item]:
    """The images that a bundle lists; raises UpkeepError for what is no such list."""
    try:
        return [Item(**entry) for entry in document]
    except TypeError as error:
        raise UpkeepError(f"this is no list of images: {error}") from error


def missing(settings: Settings, items: list[Item]) -> list[str]:
    """Names of the images that are not stored as a whole; raises UpkeepError for an upstream that is not mirrored."""
    return [item.name for item in items if not _is_whole(_target(settings, item.name), item)]


def _is_whole(target: Target, item: Item) -> bool:
    store, repository = target.store, target.repository
    return (
        all(store.has_blob(digest, size) for digest, size in {**item.manifests, **item.blobs}.items())
        and all(store.has_layer(repository, digest) for digest in item.blobs)
        and all(store.has_manifest(repository, digest) for digest in item.manifests)
        and store.has_tag(repository, target.tag, item.digest)
    )


def load(settings: Settings, path: Path) -> list[Item]:
    """Store all images of a file; gives those that were not there as a whole.

    Raises UpkeepError for a file that cannot be used, before anything is stored, or if there is no room.
    """
    with reader(path) as layout:
        items = [_listed(layout, name, digest) for name, digest in layout.images().items()]
        targets = {item.name: _target(settings, item.name) for item in items}
        wanted = [item for item in items if not _is_whole(targets[item.name], item)]
        try:
            for item in wanted:
                _load(layout, targets[item.name], item)
                state.log(f"{item.name} {item.digest} loaded")
        except (OSError, tarfile.TarError) as error:
            raise UpkeepError(f"{path} cannot be loaded: {error}") from error
        finally:
            for target in targets.values():
                target.store.clean()
    return wanted


def _listed(layout: Reader, name: str, digest: str) -> Item:
    """An image of a layout, with the platforms of its index that are there."""
    try:
        top = layout.document(digest)
        found = [digest]
        if "manifests" in top:
            found = [str(entry["digest"]) for entry in top["manifests"] if str(entry["digest"]) in layout]
        blobs: dict[str, int] = {}
        for manifest in found:
            blobs.update(blobs_of(layout.document(manifest)))
        sizes = {one: layout.size(one) for one in (digest, *found)}
    except (KeyError, TypeError, ValueError) as error:
        raise UpkeepError(f"{name} is not described as an image should be: {error!r}") from error
    lost = [blob for blob in blobs if blob not in layout]
    if lost:
        raise UpkeepError(f"{name} is not whole, {lost[0]} is missing")
    return Item(name, digest, sizes, blobs)


def _load(layout: Reader, target: Target, item: Item) -> None:
    """First what others refer to: whoever pulls meanwhile finds an image as a whole, or not at all."""
    store, repository = target.store, target.repository
    for digest, size in {**item.blobs, **item.manifests}.items():
        if not store.has_blob(digest, size):
            store.put_blob(digest, layout.open(digest))
    for digest in item.blobs:
        store.link_layer(repository, digest)
    for digest in item.manifests:
        store.link_manifest(repository, digest)
    store.link_tag(repository, target.tag, item.digest)


def _target(settings: Settings, name: str) -> Target:
    match = _NAME.fullmatch(name)
    if not match:
        raise UpkeepError(f"{name!r} is no name of an image with its upstream and tag")
    for upstream in settings.upstreams:
        if upstream.name == match["upstream"]:
            return Target(Store(upstream.data_dir), match["repository"], match["tag"])
    raise UpkeepError(f"{name}: this host is no mirror of {match['upstream']}; add it to mirror_upstreams")
