# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every runtime gets the right image of every upstream through its mirror, proven by the logs of both sides."""

from __future__ import annotations

import re

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.mirrors import order_mirrors
from tests.lab import testing
from tests.lab.playbooks import green

from .conftest import CLIENTS, FIRST, MIRRORS, REPOSITORY, UPSTREAMS, WAYS, Client, ask, content_of, image, way_id


def test_the_upstreams_have_different_content_under_one_name() -> None:
    assert len({content_of(upstream) for upstream in UPSTREAMS}) == len(UPSTREAMS)


def test_every_client_has_the_same_first_mirror_so_that_one_fault_concerns_all() -> None:
    urls = [f"https://{name}" for name in MIRRORS]
    assert {order_mirrors(urls, client.name)[0] for client in CLIENTS} == {f"https://{FIRST}"}


@pytest.mark.parametrize(("client", "upstream"), WAYS, ids=way_id)
def test_a_pull_goes_through_the_mirror(client: Client, upstream: str) -> None:
    hub, mirror = testing.hub_log(), testing.mirror_log(FIRST)
    at_hub, at_mirror = hub.mark(), mirror.mark()
    client.pull(image(upstream))
    assert client.digest(image(upstream)) == content_of(upstream)

    # Of the layers some may be there already: one containerd keeps them for all that pull by it.
    served = mirror.wait(at_mirror, lambda entry: entry["kind"] == "manifest" and entry["status"] == 200)
    assert {(entry["remote_addr"], entry["upstream"], entry["repository"]) for entry in served} == {
        (client.address, upstream, REPOSITORY)
    }
    assert client.address not in {entry["remote_addr"] for entry in hub.since(at_hub)}


@pytest.mark.parametrize("path", ["/v2/org/image/manifests/1?ns=gcr.io", "/v2/gcr.io/org/image/manifests/1"])
def test_an_unknown_upstream_is_a_clear_404(path: str) -> None:
    status, body = ask(CLIENTS[0].host, f"https://{FIRST}{path}")
    assert (status, body["errors"][0]["code"]) == ("404", "NAME_UNKNOWN")


def test_verify_proves_every_client_and_changes_nothing() -> None:
    done = green("verify")
    assert done.changed == 0
    for count in ("2 of 2 clients proven", "1 of 1 clients proven"):
        assert count in done.output
    assert len(re.findall(rf"\S+ -> {FIRST}, \d+ ms", done.output)) == len(CLIENTS)


@pytest.mark.parametrize("client", CLIENTS, ids=way_id)
def test_the_proof_leaves_nothing_behind(client: Client) -> None:
    listing = {"docker": "docker images", "containerd": "ctr namespaces ls", "podman": "podman images"}[client.runtime]
    assert "dockmirror" not in client.host.check_output(listing)
