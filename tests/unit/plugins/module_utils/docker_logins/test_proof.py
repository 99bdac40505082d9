# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What engines say to a login, and what an operator is told."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.config_file import Credentials
from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.proof import prove
from ansible_collections.dockmirror.fleet.plugins.module_utils.engine_api import (
    EngineApi,
    EngineHTTPError,
    EngineTimeout,
    EngineUnreachable,
)

LOGIN = Credentials("app", "s3cret")
URL = 'Get "https://r.example/v2/": '


class Engine(EngineApi):
    """An engine that answers in one way."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self.error = error
        self.asked: list[Any] = []

    def post_json(self, path: str, *_more: Any, **options: Any) -> Any:
        self.asked.append((path, options["body"]))
        if self.error:
            raise self.error
        return {"Status": "Login Succeeded"}


def test_a_login_that_works() -> None:
    engine = Engine()
    assert prove(engine, "docker.io", LOGIN, 1).cause == "ok"
    body = {"username": "app", "password": "s3cret", "serveraddress": "https://index.docker.io/v1/"}
    assert engine.asked == [("/auth", body)]


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (
            EngineHTTPError(500, "login attempt to https://r.example/v2/ failed with status: 401 Unauthorized"),
            "refused",
        ),
        (EngineHTTPError(401, URL + "unauthorized: incorrect username or password"), "refused"),
        (EngineHTTPError(500, "login attempt to https://r.example/v2/ failed with status: 403 Forbidden"), "forbidden"),
        (EngineHTTPError(500, "login attempt to https://r.example/v2/ failed with status: 429 Too Many"), "limited"),
        (EngineHTTPError(500, "login attempt to https://r.example/v2/ failed with status: 502 Bad"), "server_error"),
        (EngineHTTPError(500, URL + "dial tcp: lookup r.example on 127.0.0.11:53: no such host"), "name_resolution"),
        (EngineHTTPError(500, URL + "dial tcp 10.0.0.1:443: connect: connection refused"), "connection_refused"),
        (EngineHTTPError(500, URL + "dial tcp 10.0.0.1:443: connect: no route to host"), "unreachable"),
        (EngineHTTPError(500, URL + "dial tcp 10.0.0.1:443: i/o timeout"), "connection_timeout"),
        (EngineHTTPError(500, URL + "x509: certificate signed by unknown authority"), "certificate_untrusted"),
        (
            EngineHTTPError(
                500, URL + "tls: failed to verify certificate: x509: certificate has expired or is not yet valid"
            ),
            "certificate_expired",
        ),
        (EngineHTTPError(500, URL + "x509: certificate is valid for a.example, not r.example"), "certificate_name"),
        (EngineHTTPError(500, URL + "http: server gave HTTP response to HTTPS client"), "tls_protocol"),
        (EngineHTTPError(500, "something else"), "failed"),
        (EngineTimeout("late"), "no_answer"),
        (EngineUnreachable("no engine answers on /x"), "no_engine"),
    ],
)
def test_what_engines_say(error: Exception, cause: str) -> None:
    verdict = prove(Engine(error), "r.example", LOGIN, 1)
    assert verdict.cause == cause
    assert ("refuses the user app with this password" in verdict.message) == (cause == "refused")
    assert verdict.message.endswith(".")


def test_a_password_in_an_answer_is_not_repeated() -> None:
    verdict = prove(Engine(EngineHTTPError(500, "bad s3cret here")), "r.example", LOGIN, 1)
    assert "s3cret" not in verdict.message
