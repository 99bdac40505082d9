# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images by API, through the gateway: what there is, and what the playbook prune takes away."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from tests.lab import registryimage, testing
from tests.lab.registry_fleet import (
    CA,
    CI,
    CI_PASSWORD,
    CI_USER,
    CLIENTS,
    HOST,
    PRODUCTION_PASSWORD,
    REGISTRY,
    URL,
    ask,
    green,
    image,
    login,
    play,
)
from tests.tools.ansible import ansible

NAME = "team/pruned"
LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
# Registry 2 cannot take a tag from a manifest that another one needs.
KEPT = ["v1"] if registryimage.newest() == "3" else ["mr-1", "v1"]
RULES = json.dumps({"registry_retention": [{"repositories": [NAME], "delete_tags": ["mr-*"]}]})


def module(name: str, **arguments: Any) -> dict[str, Any]:
    """Run a module on the CI host, as a pipeline does; gives its result with the key ``failed``."""
    connection = {"url": URL, "username": "ci", "password": CI_PASSWORD, "ca_file": CA}
    inventory = str(Path(os.environ["MOLECULE_INVENTORY_FILE"]).parent)
    values = json.dumps({**connection, **arguments})
    return ansible("-i", inventory, CI, "-m", f"dockmirror.fleet.{name}", "-a", values, program="ansible").results[CI]


def accept(*types: str) -> list[str]:
    return ["--header", f"Accept: {', '.join(types)}"]


@pytest.fixture(scope="module")
def pushed(ci: Any) -> dict[str, str]:
    """A release and builds of merge requests, among them one of the same image and an index; the digest of each tag."""
    for tag in ("v1", "mr-2", "mr-part"):
        name = image(ci, f"{NAME}:{tag}")
        ci.check_output(f"docker push -q {name}")
    ci.check_output(f"docker tag {REGISTRY}/{NAME}:v1 {REGISTRY}/{NAME}:mr-1 && docker push -q {REGISTRY}/{NAME}:mr-1")
    digests = {}
    entries = []
    for tag in ("v1", "mr-part"):
        answer = ask(ci, f"/v2/{NAME}/manifests/{tag}", CI_USER, *accept(MANIFEST))
        digests[tag] = answer.headers["docker-content-digest"]
        size = int(answer.headers["content-length"])
        entries.append({"mediaType": MANIFEST, "digest": digests[tag], "size": size, "platform": {"os": "linux"}})
    body = json.dumps({"schemaVersion": 2, "mediaType": LIST, "manifests": entries})
    path = f"/v2/{NAME}/manifests/mr-multi"
    put = ask(ci, path, CI_USER, "-X", "PUT", "--header", f"Content-Type: {LIST}", "--data-raw", body)
    assert put.status == 201, put.body
    for tag, kind in (("mr-1", MANIFEST), ("mr-2", MANIFEST), ("mr-multi", LIST)):
        answer = ask(ci, f"/v2/{NAME}/manifests/{tag}", CI_USER, *accept(kind))
        digests[tag] = answer.headers["docker-content-digest"]
    assert digests["mr-1"] == digests["v1"]
    return digests


def test_what_the_registry_holds(pushed: dict[str, str]) -> None:
    found = module("registry_info", repositories=["team/pru*"])
    assert not found["failed"], found
    (repository,) = found["repositories"]
    images = {tag: entry for entry in repository["images"] for tag in entry["tags"]}
    assert {tag: entry["digest"] for tag, entry in images.items()} == pushed
    assert images["mr-multi"]["media_type"] == LIST
    assert [child["digest"] for child in images["mr-multi"]["children"]] == [pushed["v1"], pushed["mr-part"]]
    assert images["v1"]["created"].startswith("20")
    assert images["v1"]["layers"][0]["size"] > 64 * 1024, "random bytes do not shrink"
    # Three images, of which the index and the tag mr-1 share: nothing counts twice.
    parts = [images[tag]["size"] for tag in ("v1", "mr-2", "mr-part")]
    assert repository["unique_bytes"] == sum(parts) + images["mr-multi"]["manifest_size"]
    assert CI_PASSWORD not in str(found)


def test_a_user_who_may_only_pull_cannot_delete(pushed: dict[str, str]) -> None:
    rules = [{"repositories": [NAME], "delete_tags": ["mr-2"]}]
    refused = module("registry_tags", rules=rules, username="production", password=PRODUCTION_PASSWORD)
    assert refused["failed"]
    assert refused["cause"] == "forbidden"
    assert "refuses that to the user production" in refused["msg"]


def test_prune(pushed: dict[str, str], ci: Any) -> None:
    before = set(module("registry_info", repositories=[NAME], details="tags")["repositories"][0]["tags"])
    planned = green("prune", "--check", "--diff", "-l", HOST, "-e", RULES)
    assert set(re.findall(rf"^-{NAME}:(\S+) sha256:", planned.output, re.MULTILINE)) == before - set(KEPT)
    assert ask(ci, f"/v2/{NAME}/tags/list", CI_USER).status == 200
    assert set(json.loads(ask(ci, f"/v2/{NAME}/tags/list", CI_USER).body)["tags"]) == before, "nothing changed yet"

    done = green("prune", "-l", HOST, "-e", RULES)
    assert done.changed > 0
    assert json.loads(ask(ci, f"/v2/{NAME}/tags/list", CI_USER).body)["tags"] == KEPT
    for tag in ("mr-2", "mr-part", "mr-multi"):
        gone = ask(ci, f"/v2/{NAME}/manifests/{pushed[tag]}", CI_USER, *accept(MANIFEST, LIST))
        assert gone.status == 404, tag
    for name in CLIENTS:
        client = testing.host(name)
        assert login(client, "production", PRODUCTION_PASSWORD).succeeded
        client.check_output(f"docker pull -q {REGISTRY}/{NAME}:v1")
        client.check_output(f"docker rmi {REGISTRY}/{NAME}:v1 && docker pull -q {REGISTRY}/{NAME}@{pushed['v1']}")

    again = green("prune", "-l", HOST, "-e", RULES)
    assert again.changed == 0, again.output


def test_prune_does_not_empty_a_repository(pushed: dict[str, str]) -> None:
    rules = json.dumps({"registry_retention": [{"repositories": [NAME], "delete_tags": ["**"]}]})
    refused = play("prune", "-l", HOST, "-e", rules)
    assert refused.code != 0
    assert f"Every tag would be deleted of {NAME} (rule 1). Nothing was deleted anywhere." in refused.output
