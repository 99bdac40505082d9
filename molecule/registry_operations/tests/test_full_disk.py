# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A disk that is full during a push: the push says so, pulls go on, and nothing stays behind for good."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.registry_fleet import CI_USER, ROOT, ask, green, image

from .maintenance import result

DATA = "/var/lib/dockmirror/registry"
UPLOADS = f"find {DATA}/docker/registry/v2/repositories -path '*/_uploads/*' -mindepth 3 -type f -name data"
GC = str(ROOT / "molecule/registry_operations/gc.yml")


@pytest.fixture
def small_disk(server: Any, ci: Any) -> Iterator[None]:
    """The registry keeps its content on a disk of 64 MiB."""
    server.check_output(
        f"docker stop dockmirror-registry && mount -t tmpfs -o size=64m tmpfs {DATA} && "
        "docker start dockmirror-registry"
    )
    try:
        yield
    finally:
        server.check_output(f"docker stop dockmirror-registry && umount {DATA} && docker start dockmirror-registry")


@pytest.mark.usefixtures("small_disk")
def test_a_push_onto_a_full_disk(server: Any, ci: Any) -> None:
    small = image(ci, "team/small:1", kib=1024)
    ci.check_output(f"docker push -q {small}")
    big = image(ci, "team/big:1", kib=100 * 1024)

    refused = ci.run(f"docker push {big}")
    assert refused.failed
    # Of an answer of 500 engines show the status alone; the reason is in the answer, and in the registry's log.
    assert "500 Internal Server Error" in refused.stderr
    answer = ask(ci, "/v2/team/big/blobs/uploads/", CI_USER, "-X", "POST")
    assert (answer.status, "no space left on device" in answer.body) == (500, True)
    assert ask(ci, "/v2/team/big/tags/list", CI_USER).status == 404, "there is no image without its layers"
    ci.check_output(f"docker image rm {small} && docker pull -q {small}")

    # What the push left is cleared as soon as nobody can go on with it.
    left = server.check_output(UPLOADS).splitlines()
    server.check_output(f"find {DATA}/docker -path '*/_uploads/*' -exec touch -d '2 days ago' {{}} +")
    assert green(GC).changed == 1
    assert result("gc")["uploads_deleted"] >= len(left) > 0
    assert server.check_output(UPLOADS) == ""
    used = int(server.check_output(f"df --output=used -B1 {DATA} | tail -1"))
    assert used < 8 * 1024 * 1024

    server.check_output(f"mount -o remount,size=256m {DATA}")
    ci.check_output(f"docker push -q {big}")
