# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proofs against services that behave as registries were seen to behave (2.8.3 and 3.1.1)."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.probe_image import LIST_TYPE, MANIFEST_TYPE, build
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_probe import (
    MirrorProof,
    prove_gateway,
    prove_mirror,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_service import ACCEPT, ProbeError, Service
from ansible_collections.dockmirror.fleet.plugins.module_utils.upstream_diagnosis import Upstream

from .http_services import Reply, Request, registry_error, serving
from .tls import Authority

DIGEST = "sha256:" + 64 * "a"
NAME = "mirror1.example.com"
DIAL = 'Get "https://registry-1.docker.io/v2/": dial tcp: lookup registry-1.docker.io: no such host'


class Mirror:
    """A mirror that is in order; tests change what they are about."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.upstream: Upstream | None = None
        self.base = Reply(200, b"{}")
        self.push = registry_error(405, "UNSUPPORTED")
        self.unknown_blob = registry_error(404, "BLOB_UNKNOWN")
        self.manifest = Reply(200, b"{}", {"Docker-Content-Digest": DIGEST})

    def __call__(self, request: Request) -> Reply:
        self.requests.append(request)
        if request.path == "/v2/":
            return self.base
        if request.method == "POST":
            return self.push
        if request.method == "DELETE":
            return Reply(204)
        if "/blobs/" in request.path:
            return self.unknown_blob
        return self.manifest if request.headers["accept"] == ACCEPT else registry_error(404, "MANIFEST_UNKNOWN")

    def prove(self, *, require_upstream: bool = True, repository: str = "library/alpine") -> MirrorProof:
        with serving(self) as port:
            service = Service(f"http://127.0.0.1:{port}")
            return prove_mirror(service, repository, "latest", self.upstream, 2, require_upstream)


@pytest.fixture
def mirror() -> Mirror:
    return Mirror()


def refusal(mirror: Mirror, **arguments: Any) -> ProbeError:
    with pytest.raises(ProbeError) as caught:
        mirror.prove(**arguments)
    return caught.value


def closed_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def test_a_mirror_in_order(mirror: Mirror) -> None:
    assert mirror.prove() == MirrorProof(DIGEST, "")
    assert [(request.method, request.path) for request in mirror.requests] == [
        ("GET", "/v2/"),
        ("POST", "/v2/library/alpine/blobs/uploads/"),
        ("GET", "/v2/library/alpine/blobs/sha256:" + 64 * "0"),
        ("HEAD", "/v2/library/alpine/manifests/latest"),
    ]


def test_without_a_repository_only_the_push_is_tried(mirror: Mirror) -> None:
    assert mirror.prove(repository="") == MirrorProof("", "")
    assert [request.method for request in mirror.requests] == ["GET", "POST"]


def test_a_registry_whose_configuration_was_ignored_takes_the_push(mirror: Mirror) -> None:
    mirror.push = Reply(202, b"", {"Location": "/v2/library/alpine/blobs/uploads/1234?_state=x"})
    found = refusal(mirror)
    assert found.cause == "not_a_mirror"
    assert "accepts a push (status 202)" in str(found)
    assert "reads another configuration file" in str(found)
    last = mirror.requests[-1]
    assert (last.method, last.path, last.query) == ("DELETE", "/v2/library/alpine/blobs/uploads/1234", "_state=x")


def test_something_else_answers(mirror: Mirror) -> None:
    mirror.base = Reply(404)
    assert refusal(mirror).cause == "not_a_mirror"


def test_a_registry_that_wants_a_password(mirror: Mirror) -> None:
    mirror.base = Reply(401)
    assert "answered 401 where a mirror answers 200" in str(refusal(mirror))


def test_storage_that_never_gets_ready(mirror: Mirror) -> None:
    mirror.base = Reply(503)
    found = refusal(mirror)
    assert found.cause == "unanswered"
    assert "cannot use its storage" in str(found)


def test_nothing_answers() -> None:
    with pytest.raises(ProbeError, match=r"did not answer within 0\.3 seconds: Connection refused") as caught:
        prove_mirror(Service(f"http://127.0.0.1:{closed_port()}"), "library/alpine", "latest", None, 0.3)
    assert caught.value.cause == "unanswered"


def test_a_mirror_that_cannot_use_its_upstream_although_the_tag_is_cached(mirror: Mirror) -> None:
    mirror.unknown_blob = registry_error(500, "UNKNOWN", DIAL)
    found = refusal(mirror)
    assert found.cause == "mirror_error"
    assert f"The mirror cannot use its upstream. It says: {DIAL}" in str(found)


def test_an_upstream_that_is_down_may_be_a_warning(mirror: Mirror) -> None:
    mirror.unknown_blob = registry_error(500, "UNKNOWN", DIAL)
    proof = mirror.prove(require_upstream=False)
    assert proof.digest == DIGEST
    assert DIAL in proof.upstream_problem


def test_the_tag_need_not_be_served_then_either(mirror: Mirror) -> None:
    mirror.unknown_blob = registry_error(500, "UNKNOWN", DIAL)
    mirror.manifest = registry_error(404, "MANIFEST_UNKNOWN")
    proof = mirror.prove(require_upstream=False)
    assert proof.digest == ""
    assert DIAL in proof.upstream_problem


def test_but_a_mirror_that_takes_pushes_is_none_in_any_case(mirror: Mirror) -> None:
    mirror.push = Reply(202, b"", {"Location": "/x"})
    assert refusal(mirror, require_upstream=False).cause == "not_a_mirror"


def test_an_upstream_with_its_own_way_to_answer_for_unknown_blobs(mirror: Mirror) -> None:
    mirror.unknown_blob = registry_error(500, "UNKNOWN", "received unexpected HTTP status: 400 Bad Request")
    assert mirror.prove() == MirrorProof(DIGEST, "")


def test_the_raw_answers_that_registry_2_repeats_are_not_shown(mirror: Mirror) -> None:
    secret = {"Op": "Head", "Err": {"code": "UNAUTHORIZED", "message": "authentication required", "detail": "s3cret"}}
    mirror.unknown_blob = registry_error(500, "UNKNOWN", secret)
    found = str(refusal(mirror))
    assert "authentication required" in found
    assert "s3cret" not in found


def test_a_tag_that_is_not_served(mirror: Mirror) -> None:
    mirror.manifest = registry_error(404, "MANIFEST_UNKNOWN", "unknown tag=latest")
    assert "answered 404 for library/alpine:latest. It says: unknown tag=latest" in str(refusal(mirror))


def test_the_rate_limit_of_the_upstream(mirror: Mirror) -> None:
    mirror.manifest = registry_error(500, "UNKNOWN", 'toomanyrequests: {"errors":[]}')
    mirror.upstream = Upstream(f"http://127.0.0.1:{closed_port()}")
    found = refusal(mirror)
    assert found.cause == "upstream_rate_limit"
    assert "Set username and password for a higher limit" in str(found)


def test_the_upstream_is_asked_for_the_cause(mirror: Mirror) -> None:
    mirror.unknown_blob = registry_error(500, "UNKNOWN", DIAL)
    mirror.upstream = Upstream(f"http://127.0.0.1:{closed_port()}")
    found = refusal(mirror)
    assert found.cause == "upstream_unreachable"
    assert "cannot be reached from this host: Connection refused" in str(found)
    assert f"The mirror itself says: {DIAL}" in str(found)


def test_only_the_mirror_cannot_use_the_upstream(mirror: Mirror) -> None:
    mirror.unknown_blob = registry_error(500, "UNKNOWN", "tls: failed to verify certificate: x509: unknown authority")
    with serving(lambda _request: Reply(200)) as port:
        mirror.upstream = Upstream(f"http://127.0.0.1:{port}")
        found = refusal(mirror)
    assert found.cause == "mirror_error"
    assert f"although this host can use http://127.0.0.1:{port}" in str(found)


class Gateway:
    """A gateway that is in order; tests change what they are about."""

    def __init__(self, name: str = NAME) -> None:
        image = build(name)
        base = "/v2/dockmirror/probe"
        self.replies = {
            "/v2/": Reply(200, b"{}", {"Docker-Distribution-Api-Version": "registry/2.0"}),
            f"{base}/manifests/deployed": Reply(
                200, image.manifest_list, {"Content-Type": LIST_TYPE, "Docker-Content-Digest": image.digest}
            ),
            **{
                f"{base}/manifests/sha256:{key}": Reply(200, data, {"Content-Type": MANIFEST_TYPE})
                for key, data in image.manifests.items()
            },
            **{f"{base}/blobs/sha256:{key}": Reply(200, data) for key, data in image.blobs.items()},
        }
        self.digest = image.digest
        self.push = 405

    def __call__(self, request: Request) -> Reply:
        return Reply(self.push) if request.method == "POST" else self.replies.get(request.path, Reply(404))


def prove(gateway: Gateway, tmp_path: Path, names: list[str], ca_file: str = "server") -> dict[str, Any]:
    authority = Authority()
    pair = authority.issue(names[0], names).write(tmp_path, "server")
    (tmp_path / "ca.crt").write_text(authority.certificate)
    (tmp_path / "other.crt").write_text(Authority("Other").certificate)
    with serving(gateway, pair) as port:
        service = Service(f"https://{NAME}:{port}", connect_to="127.0.0.1", ca_file=str(tmp_path / f"{ca_file}.crt"))
        return prove_gateway(service, NAME, 2)


@pytest.mark.parametrize("ca_file", ["ca", "server"])
def test_a_gateway_in_order_trusted_by_its_ca_or_its_own_certificate(tmp_path: Path, ca_file: str) -> None:
    gateway = Gateway()
    assert prove(gateway, tmp_path, [NAME], ca_file) == {"digest": gateway.digest}


@pytest.mark.parametrize(
    ("names", "ca_file", "message"),
    [
        ([NAME], "other", "certificate"),
        (["other.example.com"], "ca", NAME),
    ],
)
def test_a_certificate_that_clients_would_refuse(tmp_path: Path, names: list[str], ca_file: str, message: str) -> None:
    with pytest.raises(ProbeError, match=message) as caught:
        prove(Gateway(), tmp_path, names, ca_file)
    assert caught.value.cause == "tls"


def test_a_gateway_that_does_not_let_its_own_host_in(tmp_path: Path) -> None:
    gateway = Gateway()
    gateway.replies["/v2/"] = Reply(403)
    with pytest.raises(ProbeError, match="gateway_allowed_networks") as caught:
        prove(gateway, tmp_path, [NAME])
    assert caught.value.cause == "refused"


def test_the_gateway_of_another_server(tmp_path: Path) -> None:
    with pytest.raises(ProbeError, match=rf"the probe image of other\.example\.com, not of {NAME}"):
        prove(Gateway("other.example.com"), tmp_path, [NAME])


def test_a_wrong_type(tmp_path: Path) -> None:
    gateway = Gateway()
    path = "/v2/dockmirror/probe/manifests/deployed"
    right = gateway.replies[path]
    gateway.replies[path] = right._replace(headers={**right.headers, "Content-Type": "text/plain"})
    with pytest.raises(ProbeError, match="has the type text/plain"):
        prove(gateway, tmp_path, [NAME])


def test_a_wrong_digest(tmp_path: Path) -> None:
    gateway = Gateway()
    path = "/v2/dockmirror/probe/manifests/deployed"
    right = gateway.replies[path]
    gateway.replies[path] = right._replace(body=json.dumps(json.loads(right.body)).encode() + b"\n")
    with pytest.raises(ProbeError, match="wrong Docker-Content-Digest"):
        prove(gateway, tmp_path, [NAME])


def test_no_gateway_at_all(tmp_path: Path) -> None:
    gateway = Gateway()
    gateway.replies["/v2/"] = Reply(200, b"<html>")
    with pytest.raises(ProbeError, match="does not answer as a registry"):
        prove(gateway, tmp_path, [NAME])


def test_a_gateway_that_takes_pushes(tmp_path: Path) -> None:
    gateway = Gateway()
    gateway.push = 200
    with pytest.raises(ProbeError, match="does not refuse a push"):
        prove(gateway, tmp_path, [NAME])
