# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Proofs of a private registry, against a small one that can be broken in each way that matters."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_proof import Credentials, prove_registry
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_service import ProbeError, Service

from .http_services import Reply, Request, registry_error, serving

PUSH = Credentials("ci", "right")
PULL = Credentials("production", "right")


def digest_of(content: bytes) -> str:
    return "sha256:" + hashlib.sha256(content).hexdigest()


class Registry:
    """A registry and its gateway. Tests change what they are about."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.anonymous_pull = False
        self.open = False
        self.takes_any_push = False
        self.takes_any_password = False
        self.pull_may_push = False
        self.location = "/v2/dockmirror/probe/blobs/uploads/1?_state=x"
        self.broken: dict[str, Reply] = {}
        self.deleted: list[str] = []

    def __call__(self, request: Request) -> Reply:
        if request.method in self.broken:
            return self.broken[request.method]
        return self.door(request) or self.room(request)

    def room(self, request: Request) -> Reply:
        if request.path == "/v2/":
            return Reply(200, b"{}")
        name = request.path.rpartition("/")[2]
        if request.method == "POST":
            return Reply(202, b"", {"Location": self.location})
        if request.method == "PUT":
            key = digest_of(request.body)
            self.content[key] = self.content[name] = request.body
            return Reply(201)
        if request.method == "DELETE":
            self.deleted.append(name)
            return Reply(202)
        return Reply(200, self.content[name])

    def door(self, request: Request) -> Reply | None:
        reading = request.method in ("GET", "HEAD")
        header = request.headers.get("authorization", "")
        if not header:
            free = self.open if request.path == "/v2/" else self.takes_any_push
            scheme = "Bearer" if self.anonymous_pull else "Basic"
            return None if free else Reply(401, b"", {"WWW-Authenticate": f'{scheme} realm="x"'})
        name, _colon, password = base64.b64decode(header.partition(" ")[2]).decode().partition(":")
        if not self.takes_any_password and (password != "right" or name not in ("ci", "production")):
            return Reply(401)
        if name == "production" and not reading and not self.pull_may_push:
            return registry_error(403, "DENIED")
        return None

    def prove(self, push: Credentials | None = PUSH, pull: Credentials | None = PULL) -> dict[str, Any]:
        with serving(self) as port:
            return prove_registry(Service(f"http://127.0.0.1:{port}"), push, pull, self.anonymous_pull, 2)


@pytest.fixture
def registry() -> Registry:
    return Registry()


def refusal(registry: Registry, **arguments: Any) -> ProbeError:
    with pytest.raises(ProbeError) as caught:
        registry.prove(**arguments)
    return caught.value


@pytest.mark.parametrize("anonymous_pull", [False, True])
def test_a_registry_in_order(registry: Registry, anonymous_pull: bool) -> None:
    registry.anonymous_pull = anonymous_pull
    digest = registry.prove()["digest"]
    assert digest == digest_of(registry.content["deployment"])
    assert set(registry.deleted) == set(registry.content) - {"deployment", "1"}, "nothing stays behind"


def test_without_users_only_the_door_is_proven(registry: Registry) -> None:
    assert registry.prove(push=None, pull=None) == {"digest": ""}
    assert registry.content == {}


def test_a_door_that_stands_open(registry: Registry) -> None:
    registry.open = True
    found = refusal(registry)
    assert (found.cause, "anybody could come in" in str(found)) == ("open", True)


def test_a_push_without_a_password(registry: Registry) -> None:
    registry.takes_any_push = True
    assert "answers 202 to a push without a password" in str(refusal(registry))


def test_any_password_is_taken(registry: Registry) -> None:
    registry.takes_any_password = True
    found = refusal(registry)
    assert (found.cause, "to a wrong password" in str(found)) == ("open", True)


def test_who_may_pull_can_push(registry: Registry) -> None:
    registry.pull_may_push = True
    found = refusal(registry)
    assert (found.cause, "lets production push" in str(found)) == ("open", True)


@pytest.mark.parametrize("who", ["push", "pull"])
def test_a_user_who_cannot_come_in(registry: Registry, who: str) -> None:
    assert refusal(registry, **{who: Credentials("ci", "other")}).cause == "credentials"


def test_another_service(registry: Registry) -> None:
    registry.broken["GET"] = Reply(404)
    assert refusal(registry).cause == "not_a_registry"


def test_a_challenge_that_engines_do_not_understand(registry: Registry) -> None:
    registry.broken["GET"] = Reply(401)
    assert refusal(registry).cause == "not_a_registry"


def test_the_gateway_cannot_ask(registry: Registry) -> None:
    registry.broken["GET"] = Reply(500)
    found = refusal(registry)
    assert (found.cause, "journalctl -u dockmirror-auth" in str(found)) == ("auth_error", True)


def test_this_host_is_not_allowed(registry: Registry) -> None:
    registry.broken["GET"] = Reply(403)
    assert "gateway_allowed_networks" in str(refusal(registry))


def test_storage_that_takes_nothing(registry: Registry) -> None:
    registry.broken["PUT"] = registry_error(500, "UNKNOWN", "no space left on device")
    found = refusal(registry)
    assert found.cause == "registry_error"
    assert "cannot push a layer" in str(found)
    assert "no space left on device" in str(found)


def test_deleting_that_is_off(registry: Registry) -> None:
    registry.broken["DELETE"] = registry_error(405, "UNSUPPORTED")
    assert "cannot delete an image: it answers 405" in str(refusal(registry))


def test_a_push_that_is_sent_to_another_address(registry: Registry) -> None:
    registry.location = "http://127.0.0.1:5000/v2/x"
    assert "another address for the rest of a push (http://127.0.0.1:5000)" in str(refusal(registry))


def test_other_bytes_come_back(registry: Registry) -> None:
    class Forgetful(Registry):
        def __call__(self, request: Request) -> Reply:
            if request.method == "GET" and "/manifests/" in request.path:
                return Reply(200, b"{}")
            return super().__call__(request)

    assert "gives back another image" in str(refusal(Forgetful()))
