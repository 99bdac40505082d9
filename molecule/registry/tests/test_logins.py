# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Logins of the clients: one run of onboard, and production pulls."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab import testing
from tests.lab.registry_fleet import (
    CA,
    CI,
    CLIENTS,
    HOST,
    PRODUCTION_PASSWORD,
    PRODUCTION_USER,
    REGISTRY,
    green,
    login,
    play,
    set_users,
    users,
)
from tests.tools.ansible import Done

GROUP = ("-e", json.dumps({"docker_clients_group": "registry_clients", "rollout_batches": ["100%"]}))
ONE = ("--limit", CLIENTS[0])
HOMES = {"root": "/root", "deploy": "/home/deploy"}
STATE = "/var/lib/dockmirror/docker_logins"
FOREIGN = (
    '{\n\t"auths": {\n\t\t"other.example.test": {"auth": "bzpw"}\n\t},\n\t"HttpHeaders": {"X-Meta": "1"},'
    '  "credHelpers": {"gcr.io": "gcloud"}\n}'
)
HELPER = """#!/bin/sh
# Keeps one login for each user, in the user's home.
case "$1" in
  store) cat > ~/.lab-login ;;
  get) cat > /dev/null; cat ~/.lab-login 2> /dev/null || { echo credentials not found in native keychain; exit 1; } ;;
  erase) rm -f ~/.lab-login ;;
esac
"""


def onboard(*options: str) -> Done:
    return green("onboard", *GROUP, *options)


def offboard(*options: str) -> Done:
    return green("offboard", *GROUP, *options)


def refused(*options: str) -> str:
    """A run of onboard that has to fail; its output without line breaks."""
    done = play("onboard", *GROUP, *options)
    assert done.code != 0, done.output
    return " ".join(done.output.split())


def config(user: str) -> str:
    return f"{HOMES[user]}/.docker/config.json"


def put(host: Any, user: str, text: str) -> None:
    """Give a user a config.json of somebody else's."""
    path = shlex.quote(config(user))
    host.check_output(
        f"install -d -m 0755 -o {user} -g {user} {HOMES[user]}/.docker && printf %s {shlex.quote(text)} > {path} && "
        f"chown {user}:{user} {path} && chmod 0640 {path}"
    )


def pull(host: Any, user: str, name: str) -> Any:
    host.run(f"docker image rm {name}")
    return host.run(f"su {user} -c {shlex.quote(f'docker pull -q {name}')}")


@pytest.fixture(scope="module", autouse=True)
def clean(app: str) -> Iterator[None]:
    """Hosts that know nothing of the registry; afterwards they are as the other tests want them."""
    hosts = {name: testing.host(name) for name in (CI, *CLIENTS)}
    for host in hosts.values():
        host.check_output(
            f"docker logout {REGISTRY}; rm -rf /root/.docker /home/deploy/.docker; mv {CA} /var/tmp/ca.crt"
        )
    yield
    offboard()
    for name, host in hosts.items():
        host.check_output(f"mkdir -p $(dirname {CA}) && mv /var/tmp/ca.crt {CA}")
        assert name != CI or login(host, "ci", 'ci-Pa55:word $HOME "quoted" ü').succeeded


@pytest.fixture
def host() -> Any:
    """The first client, without any login and without a file of anybody's."""
    offboard(*ONE)
    target = testing.host(CLIENTS[0])
    target.check_output("rm -rf /root/.docker /home/deploy/.docker /home/deploy/.lab-login")
    return target


def test_check_predicts_and_touches_nothing() -> None:
    done = green("onboard", *GROUP, "--check", "--diff")
    assert f"{REGISTRY}: production, new password" in done.output
    assert PRODUCTION_PASSWORD not in done.output
    for name in CLIENTS:
        assert not testing.host(name).file(config("deploy")).exists


def test_one_run_and_every_chosen_user_pulls(app: str) -> None:
    assert onboard("--diff").changed
    for name in CLIENTS:
        for user, home in HOMES.items():
            target = testing.host(name)
            assert pull(target, user, app).succeeded
            modes = target.check_output(f"stat -c '%a %U' {home}/.docker {config(user)}").splitlines()
            assert modes == [f"700 {user}", f"600 {user}"]
    testing.host(CI).check_output(f"docker push -q {app}")
    assert onboard().changed == 0


def test_no_password_is_shown_anywhere() -> None:
    target = testing.host(CLIENTS[0])
    secrets = [PRODUCTION_PASSWORD, "cHJvZHVjdGlvbjpwcm9kdWN0aW9uLVBhNTV3b3Jk"]
    target.check_output("rm -rf /root/.docker/config.json")
    target.check_output(
        "rm -f /tmp/ps.stop; (while ! test -e /tmp/ps.stop; do "
        "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'; sleep 0.02; done "
        "> /var/tmp/ps.log) > /dev/null 2>&1 < /dev/null &"
    )
    try:
        done = onboard(*ONE, "--diff", "-vvv")
        done = Done(done.code, done.output + green("verify", *GROUP, *ONE, "-vvv").output)
    finally:
        target.check_output("touch /tmp/ps.stop")
    seen = target.check_output("cat /var/tmp/ps.log")
    journal = target.check_output("journalctl --no-pager")
    assert "python3" in seen
    for secret in secrets:
        assert secret not in done.output
        assert secret not in seen
        assert secret not in journal
        assert secret not in target.check_output(f"cat {STATE}/state.json")


def test_verify_tries_what_is_stored() -> None:
    target = testing.host(CLIENTS[0])
    assert "changed=0" in green("verify", *GROUP).output
    target.check_output(f"su deploy -c 'docker logout {REGISTRY}'")
    done = play("verify", *GROUP)
    assert done.code != 0
    assert f"The user deploy has no login to {REGISTRY}" in " ".join(done.output.split())
    assert onboard(*ONE).changed == 1
    green("verify", *GROUP)


def test_a_changed_password_is_picked_up_and_a_wrong_one_changes_nothing(app: str) -> None:
    changed = {**PRODUCTION_USER, "password": "another-Pa55word"}
    variables = ("-e", json.dumps({"registry_users": [changed]}))
    before = testing.host(CLIENTS[0]).check_output(f"cat {config('deploy')}")
    said = refused(*ONE, *variables)
    assert f"{REGISTRY} refuses the user production with this password" in said
    assert "another-Pa55word" not in said
    assert testing.host(CLIENTS[0]).check_output(f"cat {config('deploy')}") == before
    with users(changed):
        assert onboard(*ONE, *variables).changed == 1
        assert pull(testing.host(CLIENTS[0]), "deploy", app).succeeded
    onboard(*ONE)


def test_a_registry_that_is_down_is_another_message(host: Any) -> None:
    with testing.stopped(HOST, "dockmirror-gateway"):
        said = refused(*ONE)
    assert "connection refused" in said
    assert "refuses the user" not in said
    assert not host.file(config("deploy")).exists


def test_what_others_wrote_stays_and_offboard_gives_back_every_byte(host: Any, app: str) -> None:
    put(host, "deploy", FOREIGN)
    onboard(*ONE)
    document = json.loads(host.check_output(f"cat {config('deploy')}"))
    assert document["auths"].pop(REGISTRY)
    assert document == json.loads(FOREIGN)
    assert pull(host, "deploy", app).succeeded
    offboard(*ONE)
    assert host.check_output(f"cat {config('deploy')}") == FOREIGN
    assert (
        host.check_output(f"stat -c '%a %U' {config('deploy')} {HOMES['deploy']}/.docker") == "640 deploy\n755 deploy"
    )
    assert not host.file("/root/.docker").exists
    assert not host.file(STATE).exists


def test_a_login_that_the_user_changed_stays(host: Any) -> None:
    onboard(*ONE)
    with users({"name": "me", "password": "my-Pa55word", "role": "pull"}, PRODUCTION_USER):
        host.check_output(f"su deploy -c 'printf my-Pa55word | docker login -u me --password-stdin {REGISTRY}'")
    offboard(*ONE)
    assert REGISTRY in json.loads(host.check_output(f"cat {config('deploy')}"))["auths"]
    assert not host.file(config("root")).exists


def test_a_credential_helper_is_told_and_the_file_is_left_alone(host: Any, app: str) -> None:
    host.check_output(f"printf %s {shlex.quote(HELPER)} > /usr/local/bin/docker-credential-lab")
    host.check_output("chmod 0755 /usr/local/bin/docker-credential-lab")
    put(host, "deploy", '{"credsStore": "lab"}')
    onboard(*ONE)
    assert host.check_output(f"cat {config('deploy')}") == '{"credsStore": "lab"}'
    assert host.check_output("stat -c %U /home/deploy/.lab-login") == "deploy"
    assert pull(host, "deploy", app).succeeded
    assert onboard(*ONE).changed == 0
    offboard(*ONE)
    assert not host.file("/home/deploy/.lab-login").exists


def test_a_helper_that_is_not_installed(host: Any) -> None:
    put(host, "deploy", '{"credsStore": "nowhere"}')
    said = refused(*ONE)
    assert "the credential helper docker-credential-nowhere, which is not installed" in said
    assert not host.file(config("root")).exists


def test_links_in_a_home_lead_nowhere_where_the_user_cannot_write(host: Any) -> None:
    host.check_output("install -d -m 0700 -o deploy -g deploy /home/deploy/.docker")
    host.check_output(f"printf '{{}}' > /etc/lab-victim && ln -s /etc/lab-victim {config('deploy')}")
    assert "/home/deploy/.docker/config.json does not belong to deploy" in refused(*ONE)
    assert host.check_output("cat /etc/lab-victim") == "{}"
    host.check_output(f"rm {config('deploy')} && printf '{{}}' > /home/deploy/real && chown deploy /home/deploy/real")
    host.check_output(f"ln -s ../real {config('deploy')}")
    onboard(*ONE)
    assert host.file(config("deploy")).is_symlink
    assert REGISTRY in host.check_output("cat /home/deploy/real")
    offboard(*ONE)
    assert host.check_output("cat /home/deploy/real") == "{}"


@pytest.mark.parametrize(
    ("user", "message"),
    [("nobody-here", "there is no user nobody-here on this host"), ("homeless", "/nonexistent, does not exist")],
)
def test_users_who_cannot_be_logged_in(host: Any, user: str, message: str) -> None:
    host.run("useradd --no-create-home --home-dir /nonexistent homeless")
    said = refused(
        *ONE, "-e", json.dumps({"docker_client_logins": [{"username": "production", "users": ["root", user]}]})
    )
    assert message in said
    assert not host.file(config("root")).exists


def test_a_login_that_leaves_the_inventory_goes(host: Any) -> None:
    onboard(*ONE)
    assert onboard(*ONE, "-e", json.dumps({"docker_client_logins": []})).changed == 1
    for user in HOMES:
        assert not host.file(config(user)).exists
    set_users(*[{"name": "ci", "password": 'ci-Pa55:word $HOME "quoted" ü', "role": "push"}, PRODUCTION_USER])
