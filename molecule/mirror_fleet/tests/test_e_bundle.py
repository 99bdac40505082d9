# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A closed network: controller and mirror have no way out, and all they have is the bundle that another mirror made."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import testing
from tests.lab.playbooks import green, play
from tests.lab.registryimage import versions
from tests.tools.ansible import Done

from .conftest import FIRST, GATEWAY, SECOND

IMAGES = ["docker.io/library/multi:1", "ghcr.io/example/app:1.0"]
DATA = "/var/lib/dockmirror/mirror"


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What comes out of the file that the first mirror made."""
    folder = tmp_path_factory.mktemp("bundle")
    done = green("bundle", "-e", json.dumps({"bundle_file": str(folder / "carry.tar")}))
    assert all(image in done.output for image in IMAGES)
    assert [path.name for path in folder.iterdir()] == ["carry.tar"], "nothing else is left on the controller"
    assert testing.host(FIRST).run("ls -d /var/tmp/dockmirror-bundle*").failed, "nor on the mirror"
    with tarfile.open(folder / "carry.tar") as tar:
        tar.extractall(folder, filter="data")
    (folder / "carry.tar").unlink()
    return folder / "dockmirror-bundle"


def without_network(bundle: Path, *command: str) -> Done:
    """Run something where there is no interface; the hosts of the lab are reached over a socket of the file system."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PIP_"))}
    # The system's Python may be another one than that with which the bundle was made.
    environment["PYTHON"] = sys.executable
    environment["ANSIBLE_CALLBACK_RESULT_FORMAT"] = "json"  # which breaks no line
    command = ("unshare", "--net", *command)
    done = subprocess.run(command, cwd=bundle, env=environment, capture_output=True, text=True, check=False)
    return Done(done.returncode, done.stdout + done.stderr)


@pytest.fixture(scope="module")
def installed(bundle: Path) -> Path:
    """The same, with Ansible."""
    done = without_network(bundle, "./install")
    assert done.code == 0, done.output
    return bundle


@pytest.fixture(scope="module")
def closed() -> Iterator[None]:
    """The second mirror has no network, no image of the registry and nothing stored. It has its packages.

    No other test of this scenario comes later: `converge` makes it again what it was.
    """
    second = testing.host(SECOND)
    programs = "/usr/local/sbin/dockmirror-mirror /usr/local/lib/dockmirror/mirror_upkeep"
    for command in (
        f"systemctl stop {GATEWAY} 'dockmirror-mirror-*.timer'",
        "docker rm -f $(docker ps -aq --filter name=dockmirror-mirror)",
        "docker image rm -f $(docker images -q)",
        f"rm -rf {DATA}/* /etc/dockmirror/mirror {programs} /var/lib/dockmirror/gateway/cache/*",
    ):
        second.check_output(command)
    hosts = second.check_output("cat /etc/hosts")
    with testing.offline(SECOND):
        # There, all names come from a service that is out of reach now.
        second.check_output(f"echo '127.0.0.1 {SECOND}' >> /etc/hosts")
        try:
            yield
        finally:
            second.check_output(f"cat > /etc/hosts <<'EOF'\n{hosts}\nEOF")


def deploy(bundle: Path, *options: str) -> Done:
    """Deploy the second mirror with what the bundle has, and an inventory of the closed network."""
    upstreams = [{"name": name, "probe_repository": ""} for name in ("docker.io", "ghcr.io")]
    variables = {
        "gateway_fleet_ca_dir": f"{os.environ['MOLECULE_EPHEMERAL_DIRECTORY']}/fleet-ca",
        "mirror_bundle": str(bundle),
        "mirror_registry_version": max(versions()),
        "mirror_scrub_days": 0,
        "mirror_storage_min_free": "",
        "mirror_upstreams": upstreams,
    }
    inventory = bundle / "inventory.yml"
    inventory.write_text(
        json.dumps({"mirrors": {"hosts": {SECOND: testing.connection(SECOND)}, "vars": variables}}, indent=2)
    )
    playbook = ("venv/bin/ansible-playbook", "-i", str(inventory), "dockmirror.fleet.mirror", *options)
    done = without_network(bundle, *playbook)
    assert done.code == 0, done.output
    return done


def test_it_is_predicted_and_refused() -> None:
    predicted = green("bundle", "--check", "-e", "bundle_file=/tmp/carry.tar")
    assert f"/tmp/carry.tar would be written with what {FIRST} keeps warm" in predicted.output
    assert not Path("/tmp/carry.tar").exists()
    for wrong in ("carry.tar", "/nonexistent/carry.tar", "/tmp"):
        refused = play("bundle", "-e", f"bundle_file={wrong}")
        assert "must be the absolute path of a file in a directory" in refused.failures[FIRST]


def test_it_says_what_it_has(bundle: Path) -> None:
    listed = json.loads((bundle / "bundle.json").read_text())
    assert [image["name"] for image in listed["images"]] == IMAGES
    multi = listed["images"][0]
    assert len(multi["manifests"]) == 3, "an index, and both platforms"
    assert all(image in (bundle / "README.md").read_text() for image in IMAGES)


def test_damage_on_the_way_is_noticed(bundle: Path) -> None:
    images = bundle / "images/images.tar"
    with images.open("r+b") as file:
        file.seek(images.stat().st_size // 2)
        byte = file.read(1)
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte[0] ^ 1]))
        file.flush()
        refused = without_network(bundle, "./install")
        file.seek(-1, os.SEEK_CUR)
        file.write(byte)
    assert refused.code != 0
    assert "images/images.tar: FAILED" in refused.output
    assert not (bundle / "venv").exists()


@pytest.mark.usefixtures("closed")
def test_a_mirror_is_deployed_from_it_and_serves_its_images(installed: Path) -> None:
    predicted = deploy(installed, "--check")
    assert f"The images of {installed} would be stored." in predicted.output
    assert deploy(installed).changed > 0
    assert deploy(installed).changed == 0
    second = testing.host(SECOND)
    assert second.run("curl -sm 5 https://registry-1.docker.io/v2/").failed, "there is no way out"
    second.check_output(f"install -D /etc/dockmirror/gateway/tls/ca.crt /etc/docker/certs.d/{SECOND}/ca.crt")
    for name in IMAGES:
        second.check_output(f"docker pull -q {SECOND}/{name}")
    platforms = second.check_output(
        f"curl -sfk -H 'Accept: application/vnd.oci.image.index.v1+json' https://{SECOND}/v2/docker.io/library/multi/manifests/1"
    )
    for entry in json.loads(platforms)["manifests"]:
        second.check_output(
            f"curl -sfk -H 'Accept: application/vnd.oci.image.manifest.v1+json' "
            f"https://{SECOND}/v2/docker.io/library/multi/manifests/{entry['digest']}"
        )
    assert second.run(f"ls -d {DATA}/.bundle {DATA}/*/.load").failed, "nothing unfinished is left"
