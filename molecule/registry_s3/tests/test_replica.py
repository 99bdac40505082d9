# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A read replica: the primary's images for the same users, also while the primary is down, and no push."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.lab import testing
from tests.lab.run import wait_until

from .conftest import ACCEPT, CA, PRIMARY, REPLICA, USERS, ask, pull, push


@contextmanager
def refused() -> Iterator[None]:
    with testing.stopped(PRIMARY, "dockmirror-gateway"):
        yield


@contextmanager
def dropped() -> Iterator[None]:
    with testing.unreachable(PRIMARY, 443):
        yield


@contextmanager
def frozen() -> Iterator[None]:
    with testing.frozen(PRIMARY):
        yield


def digest_at(ci: Any, server: str, path: str) -> str:
    """What the registry says the digest of this manifest is."""
    user = f"production:{USERS['production']}"
    head = ci.check_output(f"curl -sI --cacert {CA} -u {user} -H 'Accept: {ACCEPT}' https://{server}/v2/{path}")
    fields = dict(line.lower().split(": ", 1) for line in head.splitlines() if ": " in line)
    return str(fields.get("docker-content-digest", "")).strip()


def test_what_is_pushed_to_the_primary_comes_from_the_replica(ci: Any) -> None:
    digest = push(ci, "team/app:1")
    assert pull(ci, f"{REPLICA}/team/app@{digest}").succeeded
    assert pull(ci, f"{REPLICA}/team/app:1").succeeded
    other = push(ci, "team/app:1")
    wait_until(lambda: digest_at(ci, REPLICA, "team/app/manifests/1") == other, 10, "the tag's new image")


def test_users_are_those_of_the_primary(ci: Any) -> None:
    for user in ("ci", "production"):
        assert ask(ci, REPLICA, "/v2/", user=user)[0] == "200"
    assert ci.check_output(f"curl -s -o /dev/null -w '%{{http_code}}' --cacert {CA} https://{REPLICA}/v2/") == "401"


def test_a_push_is_refused_and_the_primary_is_named(ci: Any) -> None:
    ci.check_output(f"tar -C /etc -cf - hostname | docker import - {REPLICA}/team/app:pushed")
    pushed = ci.run(f"docker push {REPLICA}/team/app:pushed")
    ci.check_output(f"docker image rm {REPLICA}/team/app:pushed")
    assert pushed.failed
    index = "application/vnd.oci.image.index.v1+json"
    content = json.dumps({"schemaVersion": 2, "mediaType": index, "manifests": []})
    for path, options in (
        ("/v2/team/app/blobs/uploads/", ("-X", "POST")),
        ("/v2/team/app/manifests/2", ("-X", "PUT", "-H", f"Content-Type: {index}", "-d", content)),
        (f"/v2/team/app/manifests/sha256:{'0' * 64}", ("-X", "DELETE")),
    ):
        status, body = ask(ci, REPLICA, path, *options)
        assert status == "405"
        assert json.loads(body)["errors"][0]["message"] == f"This is a read replica of https://{PRIMARY}. Push there."
        assert ask(ci, REPLICA, path, *options, user="production")[0] == "403"


@pytest.mark.parametrize("fault", [refused, dropped, frozen])
def test_what_was_pulled_once_is_there_while_the_primary_is_down(ci: Any, fault: Callable[[], Any]) -> None:
    name = f"team/{fault.__name__}"
    digest = push(ci, f"{name}:1")
    assert pull(ci, f"{REPLICA}/{name}:1").succeeded
    assert ask(ci, REPLICA, f"/v2/{name}/manifests/{digest}")[0] == "200"
    with fault():
        assert pull(ci, f"{REPLICA}/{name}@{digest}").succeeded
        assert pull(ci, f"{REPLICA}/{name}:1").succeeded
        status, _body = ask(ci, REPLICA, "/v2/team/never-pulled/manifests/1", "-m", "40")
        assert status in ("404", "500", "502", "503", "504")
    wait_until(lambda: ask(ci, PRIMARY, "/v2/")[0] == "200", 30, "the primary's answer")


def test_the_replica_starts_while_the_primary_is_down(ci: Any, replica: Any) -> None:
    digest = push(ci, "team/start:1")
    assert pull(ci, f"{REPLICA}/team/start:1").succeeded
    with refused():
        replica.check_output("docker restart dockmirror-registry")
        wait_until(lambda: pull(ci, f"{REPLICA}/team/start@{digest}").succeeded, 30, "a pull by digest")
        assert pull(ci, f"{REPLICA}/team/start:1").succeeded


def test_the_password_for_the_primary_is_where_root_alone_can_read_it(replica: Any) -> None:
    secret = "replica-Pa55word"
    found = replica.run(f"grep -rl {secret} /etc/dockmirror /var/lib/dockmirror /var/log").stdout.split()
    assert found == ["/etc/dockmirror/registry/instance/registry/credentials.json"]
    assert replica.check_output(f"stat -c '%a %U' {found[0]}") == "600 root"
    for command in ("ps -eo args", "docker inspect dockmirror-registry", "docker logs dockmirror-registry 2>&1"):
        assert secret not in replica.check_output(command)
