# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cache tier of the gateway, asked by clients, with the Hub's log as the witness."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.lab import testing
from tests.lab.run import wait_until

from .conftest import CLIENTS, GATEWAY, MIRROR

URL = f"https://{MIRROR}/v2"
MEDIUM = "library/medium"
SECRET = "s3cret-of-a-client"
TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
# As engines do it: one header for each type.
ACCEPT = " ".join(f"-H 'Accept: {media_type}'" for media_type in TYPES)


def forget() -> None:
    """Empty all caches of the mirror."""
    mirror = testing.host(MIRROR)
    instance = "docker ps --all --quiet --filter name=dockmirror-mirror"
    mirror.check_output(
        f"systemctl stop {GATEWAY} && docker stop $({instance}) && "
        "rm -rf /var/lib/dockmirror/gateway/cache/* /var/lib/dockmirror/mirror/docker.io/* && "
        f"docker start $({instance}) && {testing.start(GATEWAY)}"
    )
    client = testing.host(CLIENTS[0])
    wait_until(lambda: status(client, "library/alpine/manifests/latest", ACCEPT) == "200", 20, "a mirror that serves")


def headers(host: Any, path: str, *options: str) -> dict[str, str]:
    """Ask the mirror; gives the headers of the answer, and its status as ``status``."""
    text = host.check_output(f"curl -sk -o /dev/null -D - {ACCEPT} {' '.join(options)} '{URL}/{path}'")
    first, *lines = text.strip().splitlines()
    return {"status": first.split()[1], **dict(line.strip().lower().split(": ", 1) for line in lines if ": " in line)}


def status(host: Any, path: str, *options: str) -> str:
    """Ask the mirror; gives the status of the answer, or 000."""
    return str(host.run(f"curl -sk -o /dev/null -w '%{{http_code}}' {' '.join(options)} '{URL}/{path}'").stdout)


def manifest(host: Any, name: str, tag: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(host.check_output(f"curl -skf {ACCEPT} '{URL}/{name}/manifests/{tag}'"))
    return found


def fetched(mark: int, digest: str) -> list[testing.LogEntry]:
    """The requests for the contents of a blob that the Hub got."""
    return [
        entry for entry in testing.hub_log().since(mark) if entry["method"] == "GET" and entry["uri"].endswith(digest)
    ]


@pytest.fixture(scope="module")
def client() -> Any:
    return testing.host(CLIENTS[0])


def test_answers_from_the_cache_are_right(client: Any) -> None:
    layer = manifest(client, MEDIUM, "1")["layers"][0]
    path = f"{MEDIUM}/blobs/{layer['digest']}"
    client.check_output(f"curl -skf -o /dev/null '{URL}/{path}'")
    log = testing.mirror_log(MIRROR)
    mark = log.mark()
    for options, code in (((), "200"), (("-I",), "200"), (("-r 5-9",), "206")):
        found = headers(client, path, *options)
        assert found["status"] == code
        assert found["content-length"] == ("5" if code == "206" else str(layer["size"]))
        assert found["content-type"] == "application/octet-stream"
        assert found["docker-content-digest"] == layer["digest"]
    for options in ((), ("-I",)):
        found = headers(client, f"{MEDIUM}/manifests/1", *options)
        assert found["content-type"] == TYPES[3]
        assert found["docker-content-digest"].startswith("sha256:")
        assert "cache-control" not in found
    served = log.wait(mark, lambda entry: entry["method"] == "HEAD" and entry["kind"] == "manifest")
    assert served
    assert {entry["cache"] for entry in log.since(mark) if entry["kind"] == "blob"} == {"HIT"}


def test_many_clients_that_want_a_cold_layer_cost_one_fetch(client: Any) -> None:
    forget()
    layer = manifest(client, MEDIUM, "1")["layers"][0]
    mark = testing.hub_log().mark()
    sums = client.check_output(
        "for i in $(seq 20); do "
        f"curl -skf '{URL}/{MEDIUM}/blobs/{layer['digest']}' | sha256sum & "
        f"curl -skf -r 0-9 '{URL}/{MEDIUM}/blobs/{layer['digest']}' | wc -c & done; wait"
    ).split()
    assert sums.count(layer["digest"].removeprefix("sha256:")) == 20
    assert sums.count("10") == 20
    assert len(fetched(mark, layer["digest"])) == 1


def test_a_fetch_goes_on_when_its_client_hangs_up(client: Any) -> None:
    forget()
    layer = manifest(client, MEDIUM, "1")["layers"][1]
    mark = testing.hub_log().mark()
    with testing.slow_hub():
        assert client.run(f"curl -sk -m 2 -o /dev/null '{URL}/{MEDIUM}/blobs/{layer['digest']}'").failed
    got = client.check_output(f"curl -skf '{URL}/{MEDIUM}/blobs/{layer['digest']}' | wc -c")
    assert int(got) == layer["size"]
    (fetch,) = fetched(mark, layer["digest"])
    assert fetch["bytes_sent"] == layer["size"]


def test_a_fetch_that_breaks_off_leaves_nothing_behind(client: Any) -> None:
    forget()
    layer = manifest(client, MEDIUM, "1")["layers"][1]
    path = f"{MEDIUM}/blobs/{layer['digest']}"
    log = testing.mirror_log(MIRROR)
    mark = log.mark()
    hub = testing.first("hub")
    with testing.slow_hub():
        client.check_output(f"curl -sk -o /dev/null '{URL}/{path}' > /dev/null 2>&1 &")
        partial = "find /var/lib/dockmirror/gateway/cache/blobs -type f -size +1M | grep -q ."
        wait_until(lambda: testing.host(MIRROR).run(partial).succeeded, 10, "a fetch that has begun")
        hub.check_output(f"systemctl kill --signal=KILL nginx; {testing.start('nginx', 'restart')}")
        log.wait(mark, lambda entry: entry["uri"].endswith(layer["digest"]))
    sums = client.check_output(f"curl -skf '{URL}/{path}' | sha256sum").split()
    assert f"sha256:{sums[0]}" == layer["digest"]


def move_tag(repository: str, tag: str, digest: str) -> None:
    """Let the Hub's tag stand for the image with this digest."""
    own = f"http://127.0.0.1:5000/v2/{repository}/manifests"
    testing.first("hub").check_output(
        f"curl -sf {ACCEPT} {own}/{digest} | curl -sf -X PUT -H 'Content-Type: {TYPES[1]}' --data-binary @- {own}/{tag}"
    )


def test_a_tag_that_has_moved_is_seen_by_all_clients_alike(client: Any) -> None:
    old, new = (child["digest"] for child in manifest(client, "library/multi", "1")["manifests"])
    path = "library/multi/manifests/moving"
    move_tag("library/multi", "moving", old)
    wait_until(lambda: headers(client, path).get("docker-content-digest") == old, 20, "the tag")
    move_tag("library/multi", "moving", new)
    # twice gateway_cache_tag_time, ten seconds, and some for a machine that is busy
    wait_until(lambda: headers(client, path)["docker-content-digest"] == new, 20, "the tag's new place")
    seen = client.check_output(f"for i in $(seq 20); do curl -skI {ACCEPT} '{URL}/{path}' & done; wait").lower()
    digests = [line.split()[1] for line in seen.splitlines() if line.startswith("docker-content-digest")]
    assert digests == [new] * 20


def test_wrong_bytes_from_upstream_are_gone_within_seconds(client: Any) -> None:
    forget()
    layer = manifest(client, MEDIUM, "1")["layers"][1]
    path = f"{MEDIUM}/blobs/{layer['digest']}"

    def right() -> bool:
        sums = client.check_output(f"curl -sk '{URL}/{path}' | sha256sum").split()
        return f"sha256:{sums[0]}" == layer["digest"]

    with testing.corrupt_blob(layer["digest"], layer["size"]):
        assert not right()
    wait_until(right, 15, "a mirror that has fetched the right bytes")
    # In every tier, and for good.
    mirror = testing.host(MIRROR)
    value = layer["digest"].removeprefix("sha256:")
    data = f"/var/lib/dockmirror/mirror/docker.io/docker/registry/v2/blobs/sha256/{value[:2]}/{value}/data"
    wait_until(lambda: mirror.file(data).exists, 10, "the blob in the mirror's own data")
    assert mirror.check_output(f"sha256sum {data}").split()[0] == value
    assert right()
    assert layer["digest"] in mirror.check_output("journalctl --unit dockmirror-cache-check --output cat")


def test_the_check_of_the_cache_goes_on_after_it_has_died() -> None:
    mirror = testing.host(MIRROR)
    mirror.check_output("systemctl kill --signal=KILL dockmirror-cache-check")
    wait_until(lambda: mirror.service("dockmirror-cache-check").is_running, 20, "the check of the cache")


@pytest.mark.parametrize("prefix", ["", "docker.io/"])
def test_what_is_cached_is_not_served_under_a_repository_that_is_denied(client: Any, prefix: str) -> None:
    digest = manifest(client, "library/alpine", "latest")["layers"][0]["digest"]
    assert status(client, f"{prefix}library/alpine/blobs/{digest}") == "200"
    assert status(client, f"{prefix}example/any/blobs/{digest}") == "200"
    for what in (f"blobs/{digest}", "manifests/latest", "tags/list"):
        answer = client.check_output(f"curl -sk -w '%{{http_code}}' '{URL}/{prefix}denied/app/{what}'")
        assert answer.endswith("403")
        assert json.loads(answer[:-3])["errors"][0] == {
            "code": "DENIED",
            "message": "This mirror does not serve this repository.",
        }
    assert status(client, f"denied/app/blobs/{digest}?ns=docker.io") == "403"
    assert status(client, f"NOT/A/NAME/blobs/{digest}") == "404"


def test_credentials_of_a_client_are_nowhere(client: Any) -> None:
    forget()
    secrets = f"-H 'Authorization: Bearer {SECRET}' -H 'Cookie: a={SECRET}'"
    digest = manifest(client, "example/app", "1.0")["layers"][1]["digest"]
    assert status(client, f"example/app/blobs/{digest}", secrets) == "200"
    assert status(client, "example/app/manifests/1.0", secrets, ACCEPT) == "200"
    mirror = testing.host(MIRROR)
    assert mirror.run(f"grep -rl {SECRET} /var/log/dockmirror /var/lib/dockmirror").stdout == ""
    assert SECRET not in json.dumps(testing.hub_log().since(0))
