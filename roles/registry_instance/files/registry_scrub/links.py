# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The links of a registry: small files that make a blob part of a repository, and say what a tag stands for.

After a power cut they may be empty. A registry answers 500 to whoever asks for a layer whose link is empty, and goes on
to do so; that of a manifest it writes anew, on a mirror that of a tag as well (measured, versions 2.8 and 3.1).
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Iterator, NamedTuple

_FOLDER = re.compile(
    r"(?P<repository>.+)/"
    r"(?:(?:_layers|_manifests/revisions)/(?P<algorithm>[a-z0-9]+)/(?P<hex>[0-9a-f]{32,})|_manifests/tags/[^/]+/current)"
)
_DIGEST = re.compile(r"[a-z0-9]+:[0-9a-f]{32,}")


class Link(NamedTuple):
    """One of them."""

    path: Path
    repository: str

    digest: str
    """What has to stand in it; empty for a tag, which may stand for anything."""

    size: int
    changed: float


def links(data_dir: Path) -> Iterator[Link]:
    """All of them. What vanishes meanwhile is left out."""
    root = data_dir / "docker/registry/v2/repositories"
    for folder, folders, files in os.walk(root):
        if "_uploads" in folders:
            folders.remove("_uploads")
        found = _FOLDER.fullmatch(Path(folder).relative_to(root).as_posix()) if "link" in files else None
        if found:
            path = Path(folder) / "link"
            try:
                status = path.stat()
            except OSError:
                continue
            digest = f"{found['algorithm']}:{found['hex']}" if found["hex"] else ""
            yield Link(path, found["repository"], digest, status.st_size, status.st_mtime)


def repair(link: Link) -> str:
    """Write what has to stand in a link if it does not; says what was wrong, and is empty if nothing was.

    It is certain, since the link's directory is named after it. Of a tag it is not, and that link stays as it is.
    """
    try:
        content = link.path.read_text(encoding="ascii", errors="replace")
    except OSError:
        return ""
    if content == link.digest if link.digest else _DIGEST.fullmatch(content):
        return ""
    if link.digest:
        part = link.path.with_name("link.part")
        part.write_text(link.digest)
        os.chown(part, link.path.stat().st_uid, link.path.stat().st_gid)
        part.replace(link.path)
    return f"{content[:80]!r} stood in it"
