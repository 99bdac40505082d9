# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""When a look is due, and the program as the units call it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mirror_quota.__main__ import main
from mirror_quota.choose import Pool
from mirror_quota.look import Filesystem, Freed, Look
from mirror_quota.watch import Watch
from tests.lab.mkimage import Image, random_layer

from .conftest import MIB, Host, blobs

GIB = 1 << 30
SIZE = 1000 * GIB


def look(usage: int = 80 * GIB, min_free: int = 0, free: int = 500 * GIB, freed: int = 0) -> Look:
    pool = Pool(frozenset(["docker.io"]), usage, 100 * GIB)
    return Look(Filesystem(SIZE, free), 100 * GIB, min_free, [pool], Freed(freed, int(freed > 0)), {}, 0, False)


def watching(last: Look, took: float = 0.5) -> Watch:
    watch = Watch()
    watch.looked(last, 100 - took, 100)
    return watch


def test_the_first_look_is_due_at_once() -> None:
    assert Watch().due(Filesystem(SIZE, 1), 0)


@pytest.mark.parametrize(
    ("grown", "after", "due"),
    [
        (0, 3600, False),
        (1, 59, False),
        (1, 61, True),
        (-1, 61, True),
        (14 * GIB, 2, False),
        (16 * GIB, 2, True),
    ],
)
def test_when_space_falls(grown: int, after: float, due: bool) -> None:
    assert watching(look()).due(Filesystem(SIZE, 500 * GIB - grown), 100 + after) is due


def test_what_others_free_does_not_hide_what_a_mirror_takes() -> None:
    watch = watching(look())
    assert not watch.due(Filesystem(SIZE, 490 * GIB), 100.25)
    assert not watch.due(Filesystem(SIZE, 520 * GIB), 100.5)
    assert watch.due(Filesystem(SIZE, 514 * GIB), 100.75)
    watch.looked(look(free=514 * GIB), 100.8, 101)
    assert not watch.due(Filesystem(SIZE, 500 * GIB), 102), "a look begins anew"


def test_a_mirror_that_is_over_its_limit_is_not_looked_at_every_second() -> None:
    watch = watching(look(usage=120 * GIB))
    assert not watch.due(Filesystem(SIZE, 500 * GIB - MIB), 102)
    assert watch.due(Filesystem(SIZE, 498 * GIB), 102)


def test_a_look_that_takes_long_comes_less_often() -> None:
    watch = watching(look(), took=30)
    assert not watch.due(Filesystem(SIZE, 499 * GIB), 100 + 599)
    assert watch.due(Filesystem(SIZE, 499 * GIB), 100 + 601)
    assert watch.due(Filesystem(SIZE, 400 * GIB), 101), "space falls fast"


def test_little_free_space() -> None:
    watch = watching(look(usage=0, min_free=100 * GIB, free=110 * GIB))
    assert not watch.due(Filesystem(SIZE, 108 * GIB), 102)
    assert watch.due(Filesystem(SIZE, 104 * GIB), 102)
    watch = watching(look(usage=0, min_free=100 * GIB, free=80 * GIB))
    assert not watch.due(Filesystem(SIZE, 80 * GIB), 102), "there was nothing to remove"


@pytest.fixture
def file(host: Host) -> str:
    """The settings as the role writes them, with a mirror that is too big."""
    host.upstream("docker.io", Image("a", ("1",), (random_layer(4, "x"),)), age=0)
    document = {
        "state_dir": str(host.settings.state_dir),
        "data_dir": str(host.folder),
        "access_log": str(host.log),
        "quota": {"bytes": 2 * MIB},
        "min_free": {},
        "upstreams": [
            {"name": item.name, "data_dir": str(item.data_dir), "config_file": str(item.config_file), "share": None}
            for item in host.settings.upstreams
        ],
    }
    path = host.folder / "settings.json"
    path.write_text(json.dumps(document))
    return str(path)


def test_the_command(file: str, host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    data = host.settings.upstreams[0].data_dir
    before = blobs(data)
    assert main(["--settings", file, "evict", "--dry-run"]) == 0
    assert json.loads(capsys.readouterr().out) == {"blobs": 1, "bytes": 4 * MIB + 4096, "manifests": 0}
    assert blobs(data) == before
    assert main(["--settings", file, "evict"]) == 0
    assert len(blobs(data)) == len(before) - 1
    assert "freed 4.2 MB by 1 blobs" in capsys.readouterr().err


def test_what_keeps_it_from_working(file: str, host: Host, capsys: pytest.CaptureFixture[str]) -> None:
    host.settings.upstreams[0].config_file.write_text("version: 0.1\n")
    assert main(["--settings", file, "evict"]) == 2
    assert "ERROR: docker.io: " in capsys.readouterr().err
    Path(file).write_text("{}")
    assert main(["--settings", file, "watch"]) == 2
    assert "Run the playbook mirror again" in capsys.readouterr().err
