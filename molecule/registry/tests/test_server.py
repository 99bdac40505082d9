# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is on the registry's host, and how it takes a big layer."""

from __future__ import annotations

import json
import shlex
from typing import Any

from tests.lab.registry_fleet import (
    CI_PASSWORD,
    CI_USER,
    PRODUCTION_PASSWORD,
    PRODUCTION_USER,
    URL,
    USERS_FILE,
    ask,
    curl_config,
    green,
)

SECRET_FILE = "/etc/dockmirror/registry/http_secret"
CONFIG = "/etc/dockmirror/registry/instance/registry/config.yml"
READ_ONLY_CONFIG = "/etc/dockmirror/registry/instance/registry/read-only.yml"
BIG = 600 * 1024 * 1024


def test_files_with_secrets_are_closed(server: Any) -> None:
    modes = server.check_output(f"stat -c '%a %U %G' {SECRET_FILE} {CONFIG} {USERS_FILE}").splitlines()
    assert modes == ["600 root root", "600 root root", "640 root dockmirror-auth"]
    assert server.check_output("stat -c '%a %U %G' /run/dockmirror-auth/auth.sock") == "660 root www-data"


def test_the_service_runs_with_few_rights(server: Any) -> None:
    pid = server.check_output("systemctl show -p MainPID --value dockmirror-auth")
    status = server.check_output(f"cat /proc/{pid}/status")
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert "Seccomp:\t2" in status
    assert server.check_output(f"stat -c %U /proc/{pid}") == "dockmirror-auth"


def test_the_registry_listens_on_loopback_alone(server: Any) -> None:
    listening = server.check_output("ss -Hltn").splitlines()
    ports = {line.split()[3] for line in listening}
    assert {"127.0.0.1:20500", "127.0.0.1:20501"} <= ports
    assert not [port for port in ports if port.endswith((":20500", ":20501")) and not port.startswith("127.")]


def test_a_second_run_keeps_the_secret_and_shows_no_password(server: Any) -> None:
    secret = server.check_output(f"cat {SECRET_FILE}")
    assert len(secret) == 64
    server.check_output(
        "rm -f /tmp/ps.stop; (while ! test -e /tmp/ps.stop; do "
        "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\\0' '\\n'; sleep 0.02; done "
        "> /var/tmp/ps.log) > /dev/null 2>&1 < /dev/null &"
    )
    try:
        done = green("registry", "--diff", "-vvv")
    finally:
        server.check_output("touch /tmp/ps.stop")
    assert done.changed == 0, done.output
    assert server.check_output(f"cat {SECRET_FILE}") == secret
    hidden = [secret, CI_PASSWORD, json.dumps(CI_PASSWORD)[1:-1], PRODUCTION_PASSWORD]
    for text in hidden:
        assert text not in done.output
        for place in ("/var/tmp/ps.log", "/etc", "/var/log", "/var/lib/dockmirror", "/run", "/root", "/tmp"):
            found = server.run(
                f"grep -rlF -D skip --exclude-dir=docker --exclude-dir=containerd -e {shlex.quote(text)} {place}"
            )
            allowed = {SECRET_FILE, CONFIG, READ_ONLY_CONFIG} if text == secret else set()
            assert set(found.stdout.split()) <= allowed, place
        assert text not in server.check_output("journalctl --no-pager -o cat -t python3 -t ansible-ansible -n 2000")
    assert "users.json" not in done.output or "$2b$" not in done.output
    server.check_output("rm -f /var/tmp/ps.log")


def written_by_the_gateway(server: Any) -> int:
    """Bytes that the gateway's processes have written to a disk so far."""
    return int(
        server.check_output(
            "main=$(systemctl show -p MainPID --value dockmirror-gateway); "
            "cat $(printf '/proc/%s/io ' $main $(pgrep -P $main)) | awk '/^write_bytes/ {sum += $2} END {print sum}'"
        )
    )


def test_a_big_layer_streams_through(ci: Any, server: Any) -> None:
    ci.check_output(f"truncate -s {BIG} /var/tmp/layer")
    digest = "sha256:" + ci.check_output("sha256sum /var/tmp/layer").split()[0]
    before = written_by_the_gateway(server)
    begun = ask(ci, "/v2/team/big/blobs/uploads/", CI_USER, "-X", "POST")
    assert begun.status == 202
    location = begun.headers["location"]
    assert location.startswith("/v2/"), "relative, and so right at every name and port"
    server.check_output(
        "rm -f /tmp/watch.*; (while ! test -e /tmp/watch.stop; do find /var/lib/dockmirror/gateway/body "
        "/var/lib/dockmirror/gateway/proxy -type f; "
        "ls -l /proc/[0-9]*/fd 2>/dev/null | grep -F /var/lib/dockmirror/gateway/; "
        "sleep 0.05; done > /tmp/watch.log) > /dev/null 2>&1 < /dev/null &"
    )
    try:
        sent = ask(ci, f"{location}&digest={digest}", CI_USER, "-T", "/var/tmp/layer", "-X", "PUT")
    finally:
        server.check_output("touch /tmp/watch.stop")
        ci.check_output("rm /var/tmp/layer")
    assert sent.status == 201, sent
    assert server.check_output("cat /tmp/watch.log") == "", "no part of it lay on the gateway's disk"
    assert written_by_the_gateway(server) - before < BIG // 20
    pulled = ci.check_output(
        f"printf %s {shlex.quote(curl_config(PRODUCTION_USER))} | "
        f"curl --fail --config - {URL}/v2/team/big/blobs/{digest} | sha256sum"
    )
    assert pulled.split()[0] == digest[7:]
    assert ask(ci, f"/v2/team/big/blobs/{digest}", CI_USER, "-X", "DELETE").status == 202
