# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/pipelines.md tells CI and production to run does what it says."""

from __future__ import annotations

import re
import shlex
import subprocess
import textwrap
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.lab import testing
from tests.lab.registry_fleet import CI_PASSWORD, CLIENTS, PRODUCTION_PASSWORD, REGISTRY, ROOT, login

DOCUMENT = (ROOT / "docs/pipelines.md").read_text()
IMAGE = f"{REGISTRY}/team/app"


def block(heading: str, language: str) -> str:
    """The first block of code below a heading."""
    found = re.search(rf"^## {heading}.*?^```{language}\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
    assert found, heading
    return found[1]


def commands() -> dict[str, str]:
    """The shell lines of each pipeline."""
    jenkins = re.search(r"sh '''\n(.*?)'''", block("Jenkins", "groovy"), re.DOTALL)
    assert jenkins
    return {
        "woodpecker": "\n".join(yaml.safe_load(block("Woodpecker", "yaml"))["steps"][0]["commands"]),
        "gitlab": "\n".join(yaml.safe_load(block("GitLab CI", "yaml"))["publish"]["script"]),
        "jenkins": textwrap.dedent(jenkins[1]),
    }


def built(version: str) -> str:
    """A Dockerfile whose image says its version, and goes on running."""
    return f"FROM busybox\nRUN echo {version} > /version\nCMD sleep 86400\n"


@pytest.fixture(scope="module")
def builder(ci: Any) -> Any:
    """The CI host with a base image and a place to build in, and no login of its own."""
    archive = (ROOT / ".cache/lab/images/busybox.tar").read_bytes()
    command = ["docker", "exec", "-i", testing.container("ci.example.test"), "docker", "load"]
    subprocess.run(command, input=archive, check=True, capture_output=True)
    ci.check_output("mkdir -p /srv/build && mv /root/.docker/config.json /var/tmp/config.json")
    yield ci
    ci.check_output("mv /var/tmp/config.json /root/.docker/config.json")


def run_pipeline(host: Any, script: str, version: str) -> Any:
    """Run the lines as a CI system does, with its secrets in the environment."""
    environment = {
        "REGISTRY_USERNAME": "ci",
        "REGISTRY_PASSWORD": CI_PASSWORD,
        **dict.fromkeys(("CI_COMMIT_SHA", "GIT_COMMIT"), version),
    }
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in environment.items())
    text = exports + "cd /srv/build\nset -e\n" + script.replace("registry.example.com", REGISTRY)
    return host.run(
        f"printf %s {shlex.quote(built(version))} > /srv/build/Dockerfile && printf %s {shlex.quote(text)} | sh"
    )


@pytest.mark.parametrize("name", ["woodpecker", "gitlab", "jenkins"])
def test_a_pipeline_pushes_and_leaves_no_login_behind(builder: Any, name: str) -> None:
    script = commands()[name]
    assert "--password-stdin" in script
    assert not re.search(r"docker login.*(?:-p |--password[ =])", script)
    done = run_pipeline(builder, script, f"{name}-1")
    assert done.succeeded, done.stdout + done.stderr
    assert CI_PASSWORD not in done.stdout + done.stderr
    assert not builder.file("/root/.docker/config.json").exists
    host = testing.host(CLIENTS[0])
    assert login(host, "production", PRODUCTION_PASSWORD).succeeded
    assert host.run(f"docker pull -q {IMAGE}:{name}-1").succeeded


@pytest.fixture
def service(builder: Any) -> Iterator[Any]:
    """A production host with a Compose service of version 1."""
    host = testing.host(CLIENTS[0])
    assert login(host, "production", PRODUCTION_PASSWORD).succeeded
    assert run_pipeline(builder, commands()["gitlab"], "1").succeeded
    compose = f"services:\n  app:\n    image: {IMAGE}:${{APP_VERSION}}\n"
    host.check_output(f"mkdir -p /srv/app && printf %s {shlex.quote(compose)} > /srv/app/compose.yaml")
    host.check_output("cd /srv/app && echo APP_VERSION=1 > .env && docker compose up -d")
    yield host
    host.check_output("cd /srv/app && docker compose down --timeout 0 && rm -r /srv/app")


def version_of(host: Any) -> str:
    return str(host.check_output("cd /srv/app && docker compose exec -T app cat /version"))


def test_production_updates_a_compose_service(service: Any, builder: Any) -> None:
    update = f"cd /srv/app && {block('Production', 'shell').strip()}"
    assert version_of(service) == "1"
    assert run_pipeline(builder, commands()["gitlab"], "2").succeeded
    service.check_output("echo APP_VERSION=2 > /srv/app/.env")
    service.check_output(update)
    assert version_of(service) == "2"
    before = service.check_output("cd /srv/app && docker compose ps -q")
    service.check_output(update)
    assert service.check_output("cd /srv/app && docker compose ps -q") == before
    service.check_output("echo APP_VERSION=missing > /srv/app/.env")
    assert service.run(update).failed
    service.check_output("echo APP_VERSION=2 > /srv/app/.env")
    assert service.check_output("cd /srv/app && docker compose ps -q") == before
