# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A mirror that was made by hand, as how-tos have it, becomes one of the collection with its data where it is."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.lab import testing
from tests.lab.playbooks import green, play
from tests.lab.run import docker

from .conftest import CLIENTS, GATEWAY, MIRROR

OLD = "docker-registry-mirror"
CONTAINER = "dockmirror-mirror-docker-io"
OURS = "/var/lib/dockmirror/mirror/docker.io"
HAND = "/opt/docker-registry"
LAYERS = "docker/registry/v2/blobs"
# As the how-to has it; the name of the port is that of the host, since there is no other network here.
CONFIG = """version: 0.1
storage:
  filesystem: {rootdirectory: /var/lib/registry}
  delete: {enabled: true}
http: {addr: ":5000"}
proxy:
  remoteurl: https://registry-1.docker.io
"""


@pytest.fixture(scope="module")
def by_hand() -> Iterator[str]:
    """The mirror host as it was before this collection: the data in the how-to's place, and its container."""
    mirror = testing.host(MIRROR)
    testing.host(CLIENTS[0]).check_output("docker image rm -f alpine; docker pull -q alpine")
    image = mirror.check_output(f"docker inspect --format '{{{{.Config.Image}}}}' {CONTAINER}")
    mirror.check_output(
        f"systemctl disable --now {GATEWAY}; docker rm -f {CONTAINER}; mkdir -p {HAND}/conf; "
        f"mv /etc/dockmirror/mirror/docker.io/registry/ca {HAND}/ca; rm -rf /etc/dockmirror/mirror/docker.io; "
        f"mv {OURS} {HAND}/data"
    )
    docker("exec", "-i", testing.container(MIRROR), "tee", f"{HAND}/conf/config.yml", stdin=CONFIG.encode())
    mirror.check_output(
        f"docker run -d --name {OLD} --restart always --network host -e OTEL_TRACES_EXPORTER=none "
        f"-e SSL_CERT_DIR=/ca -v {HAND}/ca:/ca "
        f"-v {HAND}/conf/config.yml:/etc/docker/registry/config.yml -v {HAND}/data:/var/lib/registry "
        f"{image} serve /etc/docker/registry/config.yml"
    )
    return mirror.check_output(inodes(f"{HAND}/data"))


def inodes(folder: str) -> str:
    return f"cd {folder} && find {LAYERS} -name data -printf '%i %P\\n' | sort"


def answers() -> bool:
    return bool(testing.host(MIRROR).run("curl -fsS --retry 5 --retry-all-errors http://127.0.0.1:5000/v2/").succeeded)


def test_what_does_not_fit_is_refused_and_left_alone(by_hand: str) -> None:
    done = play("adopt", "-e", json.dumps({"mirror_adopt_container": "nothing"}))
    assert "There is no container nothing" in done.failures[MIRROR]
    other = [{"name": "docker.io", "remote_url": "https://mirror.gcr.io"}]
    done = play("adopt", "-e", json.dumps({"mirror_upstreams": other}))
    assert "mirrors https://registry-1.docker.io, and not https://mirror.gcr.io" in done.failures[MIRROR]
    assert answers()
    assert testing.host(MIRROR).check_output(inodes(f"{HAND}/data")) == by_hand


def test_if_the_new_one_does_not_work_the_old_one_is_back(by_hand: str) -> None:
    broken = {"mirror_config_override": {"log": {"level": "nonsense"}}, "mirror_probe_timeout": 5}
    done = play("adopt", "-e", json.dumps(broken))
    assert "nonsense" in done.failures[MIRROR]
    assert f"{OLD} on {MIRROR} serves again as before" in done.failures[MIRROR]
    mirror = testing.host(MIRROR)
    assert answers()
    assert mirror.check_output(inodes(f"{HAND}/data")) == by_hand
    policy = mirror.check_output(f"docker inspect --format '{{{{.HostConfig.RestartPolicy.Name}}}}' {OLD}")
    assert policy == "always"
    assert mirror.run(f"systemctl is-active {GATEWAY}").failed


def test_its_data_is_the_mirrors_now(by_hand: str) -> None:
    mirror, client = testing.host(MIRROR), testing.host(CLIENTS[0])
    done = green("adopt")
    assert done.changed > 0
    assert mirror.check_output(inodes(OURS)) == by_hand, "nothing was copied"
    assert mirror.run(f"docker inspect {OLD}").failed
    mirror.check_output(
        f"systemctl stop {GATEWAY}; rm -rf /var/lib/dockmirror/gateway/cache/*; {testing.start(GATEWAY)}"
    )
    with testing.stopped(testing.names("hub")[0], "nginx"):
        client.check_output("docker image rm -f alpine; docker pull -q alpine")
    assert green("adopt").changed == 0
