# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The ways in which upstreams are out of order, and a mirror that dies meanwhile.

In all of them the upstreams give nothing to a client either, so that a pull that succeeds was served by the mirror.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from tests.lab import testing
from tests.lab.run import wait_until

HUB = "hub.example.test"
INSTANCES = "$(docker ps --all --quiet --filter name=dockmirror-mirror)"
"""The mirror's registries, in a command on its host."""


def outages(
    mirror: str, client: str, upstreams: Sequence[str] = ("docker.io",)
) -> dict[str, Callable[[], AbstractContextManager[None]]]:
    """Every outage by its name.

    :param mirror: the mirror that must go on.
    :param client: a host from which it can be asked.
    :param upstreams: all that the mirror has.
    """
    return {
        "refused": partial(testing.stopped, HUB, "nginx"),
        "dropped": partial(testing.unreachable, HUB, 443),
        "hanging": partial(testing.frozen, HUB),
        "429": partial(testing.hub_answers, 429),
        "500": partial(testing.hub_answers, 500),
        "503": partial(testing.hub_answers, 503),
        "no name": partial(_without_dns, mirror, client, upstreams),
        "killed": partial(_killed, mirror),
        "rebooted": partial(_rebooted, mirror, client),
    }


@contextmanager
def _without_dns(mirror: str, client: str, upstreams: Sequence[str]) -> Iterator[None]:
    """No name resolves on the mirror host, and the mirror has noticed."""
    hub, host = testing.hub_log(), testing.host(client)

    def asks_nobody() -> bool:
        # A connection that is open needs no name, and stays open while it is used. A reload closes those that are idle.
        testing.host(HUB).check_output("systemctl reload nginx")
        mark = hub.mark()
        for upstream in upstreams:
            host.run(f"curl -sk 'https://{mirror}/v2/library/alpine/manifests/{uuid.uuid4().hex}?ns={upstream}'")
        return not any(entry["remote_addr"] == testing.address(mirror) for entry in hub.since(mark))

    with testing.without_dns(mirror):
        wait_until(asks_nobody, 20, "a mirror that does not find the Hub")
        # A client must not find the Hub by itself.
        with testing.stopped(HUB, "nginx"):
            yield


@contextmanager
def _killed(mirror: str) -> Iterator[None]:
    """The mirror's processes are killed, while the Hub is down."""
    with testing.stopped(HUB, "nginx"):
        testing.host(mirror).check_output(f"kill -9 $(docker inspect --format '{{{{.State.Pid}}}}' {INSTANCES})")
        yield


@contextmanager
def _rebooted(mirror: str, client: str) -> Iterator[None]:
    """The mirror host comes back while the Hub is down."""
    with testing.stopped(HUB, "nginx"):
        testing.reboot(mirror)
        answers = f"curl -skf -o /dev/null https://{mirror}/v2/"
        wait_until(lambda: bool(testing.host(client).run(answers).succeeded), 60, "the gateway")
        yield


def check_what_nobody_has(outage: str, mirror: str, client: str, upstream: str = "docker.io") -> None:
    """In this outage the mirror says soon, and for the right reason, that it does not have an image."""
    if outage == "429":  # an answer of the upstream, of which the mirror's registry makes 404
        check_answer(mirror, client, upstream, {"404"}, "MANIFEST_UNKNOWN", "has no such manifest")
    else:
        reasons = "cannot be used by this mirror|did not answer in time"
        check_answer(mirror, client, upstream, {"502", "504"}, "UNAVAILABLE", reasons)


def check_answer(mirror: str, client: str, upstream: str, status: set[str], code: str, reason: str) -> None:
    """Each answer comes fast, and at most ten seconds after the upstream has changed it is the right one.

    For so long the gateway goes by what it has heard of the upstream.
    """

    def is_right() -> bool:
        seconds, found, error = ask_for_what_nobody_has(mirror, client, upstream)
        assert seconds < 15
        return found in status and error["code"] == code and bool(re.search(reason, error["message"]))

    wait_until(is_right, 15, f"the right reason ({reason})")


def ask_for_what_nobody_has(mirror: str, client: str, upstream: str = "docker.io") -> tuple[float, str, dict[str, str]]:
    """Gives the seconds, the HTTP status and the error of the mirror's answer."""
    path = f"/v2/library/never-seen/manifests/{uuid.uuid4().hex}?ns={upstream}"
    answer = testing.host(client).check_output(
        f"curl -sk -m 30 -w '\\n%{{time_total}} %{{http_code}}' 'https://{mirror}{path}'"
    )
    body, _newline, figures = answer.rpartition("\n")
    seconds, code = figures.split()
    return float(seconds), code, json.loads(body)["errors"][0]
