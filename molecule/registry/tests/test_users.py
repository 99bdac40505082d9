# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CI pushes, production pulls, nobody else gets in."""

from __future__ import annotations

import functools
from typing import Any

import pytest

from tests.lab import testing
from tests.lab.registry_fleet import (
    CA,
    CI,
    CI_PASSWORD,
    CI_USER,
    CLIENTS,
    HOST,
    PRODUCTION_PASSWORD,
    PRODUCTION_USER,
    REGISTRY,
    URL,
    USERS_FILE,
    ask,
    asking,
    image,
    login,
    registry_log,
    set_users,
    users,
)
from tests.lab.run import wait_until

ACCEPT = "Accept: application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json"
WRONG = {"name": "ci", "password": "wrong"}


def test_ci_pushes_and_production_pulls(app: str, client: Any) -> None:
    log = registry_log()
    mark = log.mark()
    client.run(f"docker image rm -f {app}")
    client.check_output(f"docker pull -q {app}")
    assert client.check_output("docker image inspect --format '{{json .RepoDigests}}' " + app).count("sha256:") == 1
    entries = log.wait(mark, lambda entry: entry["kind"] == "blob" and entry["status"] == 200)
    assert {(entry["user"], entry["repository"]) for entry in entries} == {("production", "team/app")}


def test_a_wrong_password_is_told(client: Any) -> None:
    refused = login(client, "production", "wrong")
    assert refused.failed
    assert "401" in refused.stderr or "unauthorized" in refused.stderr.lower()
    assert login(client, "nobody", PRODUCTION_PASSWORD).failed


def test_without_a_login_nothing_is_there(app: str, client: Any) -> None:
    client.check_output(f"docker logout {REGISTRY}")
    client.run(f"docker image rm -f {app}")
    refused = client.run(f"docker pull {app}")
    assert refused.failed
    assert "no basic auth credentials" in refused.stderr or "unauthorized" in refused.stderr.lower()


def test_nobody_is_asked_who_he_is(ci: Any) -> None:
    answer = ask(ci, "/v2/")
    assert answer.status == 401
    assert answer.headers["www-authenticate"] == f'Basic realm="{HOST}"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["strict-transport-security"].startswith("max-age=")
    assert answer.code == "UNAUTHORIZED"
    assert ask(ci, "/v2/", WRONG).code == "UNAUTHORIZED"


def test_who_may_pull_cannot_push(app: str, client: Any) -> None:
    name = image(client, "team/other:1.0")
    refused = client.run(f"docker push {name}")
    assert refused.failed
    assert "denied" in (refused.stdout + refused.stderr).lower()
    client.check_output(f"docker image rm {name}")


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_who_may_pull_gets_the_registrys_own_error(app: str, ci: Any, method: str) -> None:
    answer = ask(ci, "/v2/team/app/manifests/1.0", PRODUCTION_USER, "-X", method)
    assert (answer.status, answer.code) == (403, "DENIED")
    assert "may pull" in answer.body


def test_ci_deletes(ci: Any) -> None:
    name = image(ci, "team/short-lived:1")
    ci.check_output(f"docker push -q {name}")
    digest = ask(ci, "/v2/team/short-lived/manifests/1", CI_USER, "-H", ACCEPT).headers["docker-content-digest"]
    assert ask(ci, f"/v2/team/short-lived/manifests/{digest}", CI_USER, "-X", "DELETE").status == 202
    assert ask(ci, "/v2/team/short-lived/manifests/1", CI_USER, "-H", ACCEPT).status == 404


def test_an_outsider_is_refused_before_a_password_is_looked_at(app: str, server: Any) -> None:
    """The host's own address is not in the list."""
    answer = ask(server, "/v2/", CI_USER, "-H", f"X-Forwarded-For: {testing.address(CI)}")
    assert (answer.status, answer.code) == (403, "DENIED")
    assert "networks" in answer.body
    assert ask(server, "/v2/", CI_USER, "--resolve", f"{REGISTRY}:127.0.0.1").status == 200


def started(server: Any) -> str:
    """When everything that serves was started."""
    units = server.check_output("systemctl show -p MainPID dockmirror-gateway dockmirror-auth")
    return str(units + server.check_output("docker inspect -f '{{.State.StartedAt}}' dockmirror-registry"))


def test_a_removed_user_is_out_at_once_and_nothing_restarts(app: str, ci: Any, server: Any) -> None:
    extra = {"name": "leaver", "password": "leaver-Pa55word", "role": "pull"}
    before = started(server)
    with users(CI_USER, PRODUCTION_USER, extra), asking(ci, "/v2/team/app/tags/list", extra) as log:
        wait_until(lambda: log()[-1][0] == "200", 10, "a user who is let in")
        set_users(CI_USER, PRODUCTION_USER)
        removed = float(server.check_output(f"stat -c %.9Y {USERS_FILE}"))
        assert ask(ci, "/v2/", extra).status == 401
        wait_until(lambda: log()[-1][0] == "401", 10, "a user who is refused")
        answers = log()
    assert {status for status, _end in answers} == {"200", "401"}
    # All hosts are containers of one machine, with one clock. A request that was let in may end a moment later.
    assert max(end for status, end in answers if status == "200") - removed < 2
    assert min(end for status, end in answers if status == "401") - removed < 10
    assert started(server) == before


def test_a_changed_password_counts_without_a_restart(app: str, ci: Any, server: Any) -> None:
    before = started(server)
    changed = {**PRODUCTION_USER, "password": "another-Pa55word"}
    with users(CI_USER, changed) as done:
        assert done.changed == 1
        assert ask(ci, "/v2/", PRODUCTION_USER).status == 401
        assert ask(ci, "/v2/", changed).status == 200
    assert ask(ci, "/v2/", PRODUCTION_USER).status == 200
    assert started(server) == before


def test_while_passwords_change_both_are_right(app: str, ci: Any) -> None:
    changed = {**PRODUCTION_USER, "password": "another-Pa55word"}
    with users(CI_USER, changed, registry_users_keep_previous=True):
        assert ask(ci, "/v2/", PRODUCTION_USER).status == 200
        assert ask(ci, "/v2/", changed).status == 200
        assert set_users(CI_USER, changed, registry_users_keep_previous=True).changed == 0
        assert set_users(CI_USER, changed).changed == 1
        assert ask(ci, "/v2/", PRODUCTION_USER).status == 401
        assert ask(ci, "/v2/", changed).status == 200


def test_pulling_may_be_free(app: str, ci: Any) -> None:
    client = testing.host(CLIENTS[0])
    client.check_output(f"docker logout {REGISTRY}")
    client.run(f"docker image rm -f {app}")
    with users(CI_USER, PRODUCTION_USER, registry_anonymous_pull=True):
        client.check_output(f"docker pull -q {app}")
        assert ask(ci, "/v2/team/app/blobs/uploads/", None, "-X", "POST").status == 401
        assert ask(ci, "/v2/_catalog").status == 401
        assert ask(ci, "/v2/", WRONG).status == 401
        assert login(client, "ci", "wrong").failed
        for host in (ci, testing.host(CLIENTS[1])):
            name = image(host, "team/free:1")
            assert host.run(f"docker push {name}").failed == (host is not ci)
    client.check_output(f"docker image rm -f {app}")
    assert client.run(f"docker pull -q {app}").failed


def test_a_restart_of_the_service_fails_nobody(app: str, ci: Any, server: Any) -> None:
    with asking(ci, "/v2/team/app/tags/list", PRODUCTION_USER) as log:
        for _turn in range(5):
            wanted = len(log()) + 4
            server.check_output(testing.start("dockmirror-auth", "restart"))
            wait_until(functools.partial(lambda count: len(log()) >= count, wanted), 20, "answers after the restart")
        answers = log()
    assert {status for status, _end in answers} == {"200"}


def test_users_that_are_broken_let_nobody_in(app: str, ci: Any, server: Any) -> None:
    server.check_output(f"cp -p {USERS_FILE} /var/tmp/users && echo '{{' > {USERS_FILE}")
    try:
        answer = ask(ci, "/v2/", CI_USER)
        assert (answer.status, answer.code) == (500, "UNKNOWN")
        assert "dockmirror-auth" in answer.body
    finally:
        server.check_output(f"cp -p /var/tmp/users {USERS_FILE}")
    assert ask(ci, "/v2/", CI_USER).status == 200
    assert "nobody can come in" in server.check_output("journalctl -u dockmirror-auth --no-pager | tail -n 20")


def test_guessing_is_limited_and_nobody_else_suffers(app: str, ci: Any, server: Any) -> None:
    """Last, because the guesser's address stays limited for a minute."""
    answers = server.check_output(
        f"rm -f /tmp/guess.*; for i in $(seq 40); do curl -s -i -o /tmp/guess.$i --cacert {CA} -u ci:guess$i "
        f"--resolve {REGISTRY}:127.0.0.1 {URL}/v2/ & done; wait; cat /tmp/guess.*; rm /tmp/guess.*"
    )
    assert answers.count("HTTP/1.1 401") > 0
    assert answers.count("HTTP/1.1 429") == answers.count("TOOMANYREQUESTS") == 40 - answers.count("HTTP/1.1 401") > 0
    assert "Retry-After: 10" in answers
    set_users(CI_USER, PRODUCTION_USER, registry_bcrypt_cost=11)  # so that nobody's password is remembered
    assert ask(ci, "/v2/", CI_USER).status == 200
    set_users(CI_USER, PRODUCTION_USER)
    assert CI_PASSWORD not in server.check_output("journalctl --no-pager -u dockmirror-auth")
