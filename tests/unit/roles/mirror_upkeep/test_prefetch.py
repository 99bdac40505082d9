# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prefetching: what is pulled for a wish, what is left to the clients, and what is said of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mirror_upkeep import state
from mirror_upkeep.gateway import Client
from mirror_upkeep.images import choose, platform_of, version_key
from mirror_upkeep.prefetch import FILE, Budget, Run
from mirror_upkeep.settings import Settings, Wish

from .conftest import Registry, wish

NAME = "docker.io/team/app"


def run(settings: Settings, *wishes: Wish, budget: Budget = lambda _upstream: None) -> dict[str, Any]:
    client = Client(settings.gateway)
    try:
        return Run(settings._replace(wishes=list(wishes)), client, budget).all()
    finally:
        client.close()


def states(report: dict[str, Any]) -> dict[str, str]:
    return {entry["image"]: entry["state"] for entry in report["images"]}


def test_an_image_is_pulled_with_all_its_blobs(registry: Registry, settings: Settings) -> None:
    registry.tag(NAME, "1", registry.image(NAME, b"layer"))
    report = run(settings, wish("1"))
    assert states(report) == {f"{NAME}:1": "warm"}
    assert (report["ok"], report["bytes"]) == (True, len(b"{}layer") + len(b"layer"))
    assert len([path for path in registry.paths() if "/blobs/" in path]) == 2
    assert report["last_success"] == report["end"]
    assert state.load(settings.state_dir / FILE) == report


@pytest.mark.parametrize("arm64", ["linux/arm64", "linux/arm64/v8"])
def test_of_an_index_only_the_wanted_platforms_are_pulled(registry: Registry, settings: Settings, arm64: str) -> None:
    images = {name: registry.image(NAME, name.encode()) for name in ("linux_amd64", "linux_arm64_v8", "linux_arm_v7")}
    registry.index(NAME, "1", **images, unknown_unknown=registry.image(NAME, b"attestation"))
    assert run(settings, wish("1", platforms=("linux/amd64", arm64)))["ok"]
    pulled = {path for path in registry.paths() if "/manifests/sha256:" in path}
    assert pulled == {f"/v2/{NAME}/manifests/{images[name]['digest']}" for name in ("linux_amd64", "linux_arm64_v8")}
    failed = run(settings, wish("1", platforms=("linux/s390x",)))
    assert failed["images"][0]["reason"] == (
        "there is no image for linux/s390x, only for linux/amd64, linux/arm/v7, linux/arm64"
    )


def test_a_pattern_brings_the_newest_tags_over_all_pages(registry: Registry, settings: Settings) -> None:
    image = registry.image(NAME, b"layer")
    for tag in ("3.9", "3.10", "3.11"):
        registry.tag(NAME, tag, image)
    path = f"/v2/{NAME}/tags/list?n=1000"
    link = '</v2/team/app/tags/list?last=3.9&n=1000>; rel="next"'
    registry.answers[f"{path} "] = (200, {"Link": link}, json.dumps({"tags": ["3.10", "3.9", "edge"]}).encode())
    registry.answers[f"/v2/{NAME}/tags/list?last=3.9&n=1000 "] = (200, {}, json.dumps({"tags": ["3.11"]}).encode())
    assert states(run(settings, wish("3.*", newest=2))) == {f"{NAME}:3.11": "warm", f"{NAME}:3.10": "warm"}
    nothing = run(settings, wish("4.*"))
    assert nothing["images"][0]["reason"] == "no tag fits 4.*"


def test_one_that_fails_stops_no_other(registry: Registry, settings: Settings) -> None:
    registry.tag(NAME, "2", registry.image(NAME, b"layer"))
    report = run(settings, wish("1", "2"))
    assert states(report) == {f"{NAME}:1": "failed", f"{NAME}:2": "warm"}
    assert "404 manifest unknown" in report["images"][0]["reason"]
    assert (report["ok"], report["failed"], report["last_success"]) == (False, 1, None)


def test_a_layer_that_breaks_off_stops_no_other_image(registry: Registry, settings: Settings) -> None:
    registry.tag(NAME, "1", registry.image(NAME, b"first"))
    broken = next(path for path in registry.answers if "/blobs/" in path)
    registry.answers[broken] = (200, {"Content-Length": "1000"}, b"part")
    registry.hangs_up.add(broken)
    registry.tag(NAME, "2", registry.image(NAME, b"second"))
    assert states(run(settings, wish("1", "2"))) == {f"{NAME}:1": "failed", f"{NAME}:2": "warm"}


@pytest.mark.parametrize("content", [b"<html>", b"[]"])
def test_tags_that_cannot_be_read_stop_no_other_image(registry: Registry, settings: Settings, content: bytes) -> None:
    registry.put(f"/v2/{NAME}/tags/list", content)
    other = "docker.io/team/other"
    registry.tag(other, "1", registry.image(other, b"layer"))
    report = run(settings, wish("3.*"), wish("1", repository="team/other"))
    assert states(report) == {f"{NAME}:3.*": "failed", f"{other}:1": "warm"}
    assert report["end"]


def test_a_gateway_that_hung_up_meanwhile_is_asked_again(registry: Registry, settings: Settings) -> None:
    registry.tag(NAME, "1", registry.image(NAME, b"layer"))
    registry.hangs_up.update(registry.answers)
    assert run(settings, wish("1"))["ok"]


def test_wrong_bytes_fail(registry: Registry, settings: Settings) -> None:
    registry.tag(NAME, "1", registry.image(NAME, b"layer"))
    blob = next(path for path in registry.answers if "/blobs/" in path)
    registry.put(blob, b"other")
    assert "which are others" in run(settings, wish("1"))["images"][0]["reason"]


def test_the_rate_limit_is_left_to_the_clients(registry: Registry, settings: Settings) -> None:
    registry.tag(NAME, "1", registry.image(NAME, b"layer"))
    remaining = iter([60, 60, 49])
    report = run(settings, wish("1", "2"), budget=lambda _upstream: next(remaining))
    assert states(report) == {f"{NAME}:1": "warm", f"{NAME}:2": "postponed"}
    assert report["images"][1]["reason"] == "49 % of the rate limit of docker.io remain; 50 % are for the clients"
    assert (report["ok"], report["postponed"]) == (True, 1), "next time"


def test_a_gateway_that_is_down(settings: Settings) -> None:
    down = settings._replace(gateway=settings.gateway._replace(port=1))
    assert "the gateway of this host does not answer" in run(down, wish("1"))["images"][0]["reason"]


@pytest.mark.parametrize(
    ("wanted", "tags", "chosen"),
    [
        (["latest"], [], ["latest"]),
        (["*"], ["1.9", "1.10", "1.10-rc1"], ["1.10", "1.10-rc1", "1.9"]),
        (["1.9", "1.*"], ["1.9", "1.10"], ["1.9", "1.10"]),
        (["[0-9].?"], ["1.9", "1.10", "edge"], ["1.9"]),
    ],
)
def test_the_tags_that_are_chosen(wanted: list[str], tags: list[str], chosen: list[str]) -> None:
    assert choose(wish(*wanted), tags) == chosen


@given(st.lists(st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,12}", fullmatch=True), unique=True), st.integers(1, 5))
def test_a_pattern_never_brings_more_than_asked_for_nor_what_is_not_there(tags: list[str], newest: int) -> None:
    chosen = choose(wish("*", newest=newest), tags)
    assert len(chosen) == min(newest, len(tags))
    assert set(chosen) <= set(tags)
    left = set(tags) - set(chosen)
    assert not left or max(map(version_key, left)) <= min(map(version_key, chosen))


@pytest.mark.parametrize(
    ("platform", "name"),
    [
        ({"os": "linux", "architecture": "amd64"}, "linux/amd64"),
        ({"os": "linux", "architecture": "arm64", "variant": "v8"}, "linux/arm64"),
        ({"os": "linux", "architecture": "arm", "variant": "v7"}, "linux/arm/v7"),
        (None, ""),
    ],
)
def test_names_of_platforms(platform: dict[str, str] | None, name: str) -> None:
    assert platform_of({"platform": platform}) == name
