# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an operator is promised: pulls go through the mirror, proven by the logs of both sides."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.lab import testing
from tests.lab.playbooks import green, play

from .conftest import CLIENTS, DAEMON_JSON, GATEWAY, MIRROR, running_mirrors

URL = f"https://{MIRROR}"


def test_a_pull_goes_through_the_mirror_and_only_the_mirror_asks_the_hub(client_name: str, client: Any) -> None:
    hub, mirror = testing.hub_log(), testing.mirror_log(MIRROR)
    at_hub, at_mirror = hub.mark(), mirror.mark()
    client.run("docker image rm -f alpine")
    client.check_output("docker pull -q alpine")
    assert client.check_output("docker run --rm alpine echo works") == "works"

    address = testing.address(client_name)
    for kind in ("manifest", "blob"):
        served = mirror.wait(at_mirror, lambda entry, kind=kind: entry["kind"] == kind and entry["status"] == 200)
        assert {(entry["remote_addr"], entry["repository"]) for entry in served} == {(address, "library/alpine")}
    assert {entry["remote_addr"] for entry in hub.since(at_hub)} <= {testing.address(MIRROR)}


def test_verify_names_the_mirror_of_each_client() -> None:
    done = green("verify")
    assert done.changed == 0
    assert "2 of 2 clients proven" in done.output
    for name in CLIENTS:
        assert re.search(rf"{name} -> {MIRROR}, \d+ ms", done.output)


def test_the_proof_leaves_no_image_behind(client: Any) -> None:
    assert client.check_output("docker images --quiet dockmirror/probe") == ""


def test_onboarding_stopped_nothing(client: Any) -> None:
    state = client.check_output("docker inspect --format '{{.State.Pid}} {{.State.StartedAt}}' app")
    assert state == client.check_output("cat /var/tmp/app")
    assert client.check_output("systemctl show --property MainPID docker.service") == client.check_output(
        "cat /var/tmp/dockerd"
    )


def test_settings_of_others_stay() -> None:
    document = json.loads(testing.host(CLIENTS[0]).file(DAEMON_JSON).content_string)
    assert document == {"debug": False, "labels": ["site=lab"], "registry-mirrors": [URL]}


def test_an_onboarded_client_needs_five_steps_and_none_changes_anything() -> None:
    done = green("onboard", "--limit", CLIENTS[0], "-vvv")
    assert done.changed == 0
    # With pipelining each module is one command on the host; where the interpreter is, is known here.
    commands = [line for line in done.output.splitlines() if "EXEC" in line and "/bin/sh -c" in line]
    assert len(commands) == 5, commands


def test_the_probe_of_the_mirror_is_what_docker_hub_does_not_have() -> None:
    hub = testing.first("hub")
    token = json.loads(hub.check_output("curl -s 'https://auth.docker.io/token'"))["token"]
    asked = hub.check_output(
        f"curl -s -o /dev/null -w '%{{http_code}}' -H 'Authorization: Bearer {token}' "
        "https://registry-1.docker.io/v2/dockmirror/probe/manifests/x"
    )
    assert asked == "404"


def ask(host: Any, path: str, *options: str) -> tuple[str, dict[str, Any]]:
    """Ask the mirror from *host*; gives the HTTP status and the JSON body."""
    text = host.check_output(f"curl -sk -w '\\n%{{http_code}}' {' '.join(options)} '{URL}{path}'")
    body, status = text.rsplit("\n", 1)
    return status, json.loads(body)


def test_the_allow_list_refuses_an_outsider_whatever_it_says_about_itself() -> None:
    inside = testing.address(CLIENTS[0])
    for options in (
        [],
        [f"-H 'X-Forwarded-For: {inside}'"],
        [f"-H 'X-Real-IP: {inside}'", f"-H 'Forwarded: for={inside}'"],
    ):
        status, body = ask(testing.first("hub"), "/v2/library/alpine/manifests/latest", *options)
        assert status == "403"
        assert body["errors"][0]["code"] == "DENIED"


@pytest.mark.parametrize(
    "path",
    ["/v2/no.such.registry.example/org/image/manifests/1", "/v2/org/image/manifests/1?ns=no.such.registry.example"],
)
def test_an_unknown_upstream_is_a_clear_404(path: str) -> None:
    status, body = ask(testing.host(CLIENTS[0]), path)
    assert status == "404"
    assert body["errors"][0]["code"] == "NAME_UNKNOWN"
    assert "not mirrored here" in body["errors"][0]["message"]


def test_a_push_is_refused(client: Any) -> None:
    image = f"{MIRROR}/library/alpine:pushed"
    client.check_output(f"docker tag busybox:latest {image}")
    pushed = client.run(f"docker push {image}")
    client.check_output(f"docker image rm {image}")
    assert pushed.failed
    assert ask(client, "/v2/library/alpine/blobs/uploads/", "-X POST")[0] == "405"


def test_without_the_mirror_pulls_go_on_from_the_hub(client_name: str, client: Any) -> None:
    hub = testing.hub_log()
    client.run("docker image rm -f example/app:1.0")
    with testing.stopped(MIRROR, GATEWAY):
        mark = hub.mark()
        client.check_output("docker pull -q example/app:1.0")
    address = testing.address(client_name)
    assert hub.wait(mark, lambda entry: entry["remote_addr"] == address and "example/app" in entry["uri"])


def test_offboard_gives_back_what_was_there_and_onboard_comes_back() -> None:
    one, two = (testing.host(name) for name in CLIENTS)
    assert green("offboard").changed == 4
    assert one.check_output("base64 -w0 /etc/docker/daemon.json") == one.check_output("base64 -w0 /var/tmp/daemon.json")
    assert one.check_output("stat -c '%a %U' /etc/docker/daemon.json") == "640 root"
    assert not two.file(DAEMON_JSON).exists
    for host in (one, two):
        assert not host.file("/etc/docker/certs.d").exists
        assert running_mirrors(host) in ("null", "[]")
    assert green("offboard").changed == 0

    red = play("verify")
    assert red.code != 0
    for name in CLIENTS:
        assert f"{name} does not pull through a mirror of the fleet" in red.failures[name]
        assert "no registry mirror" in red.failures[name]

    back = green("onboard")
    assert back.changed == 4
    assert "2 of 2 clients proven" in back.output
    assert green("onboard", "--check").changed == 0


def test_after_all_that_nothing_was_ever_restarted(client: Any) -> None:
    test_onboarding_stopped_nothing(client)
