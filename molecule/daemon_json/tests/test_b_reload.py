# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Changes that take a reload: containers and the daemon's process stay, what goes away goes away (facts D1 to D4)."""

from __future__ import annotations

import json

from .conftest import DAEMON_JSON, Engines, every

MIRRORS = {"registry-mirrors": ["https://m1.example.test", "https://m2.example.test"]}
LIVE = {
    **MIRRORS,
    "insecure-registries": ["10.0.0.0/8", "registry.example.test:5000"],
    "labels": ["a=1"],
    "debug": True,
    "live-restore": True,
    "shutdown-timeout": 30,
    "max-concurrent-downloads": 7,
    "max-concurrent-uploads": 2,
    "max-download-attempts": 4,
    "default-shm-size": "128M",
    "default-ipc-mode": "shareable",
    "features": {"example": True},
    "runtimes": {"other": {"path": "/usr/sbin/runc"}},
    "default-runtime": "other",
}
LAST_RELOAD = (
    "curl --silent --get --unix-socket /run/docker.sock http://localhost/events "
    '--data-urlencode \'filters={"type":["daemon"],"event":["reload"]}\' '
    "--data since=0 --data until=$(date +%s.%N) | tail -1"
)


def attributes(engines: Engines) -> dict[str, dict[str, str]]:
    """The reloadable settings as each daemon named them in its last reload event."""
    return {name: json.loads(text)["Actor"]["Attributes"] for name, text in engines.sh(LAST_RELOAD).items()}


def test_every_reloadable_setting_comes_and_goes_and_a_container_never_notices(engines: Engines) -> None:
    before, daemons = engines.container(), engines.daemons()
    default = engines.info()

    predicted = engines.ok(config=LIVE, check=True)
    every(predicted, changed=True, action="reload", restart_required=False)
    assert set(engines.read().values()) == {""}, "check mode writes nothing"
    results = engines.ok(config=LIVE)
    every(results, changed=True, action="reload", restart_required=False)
    for name, result in results.items():
        assert result["keys"] == predicted[name]["keys"]
        assert set(result["keys"]) == set(LIVE)
        assert result["effective"]["registry-mirrors"] == LIVE["registry-mirrors"]
        assert result["effective"]["default-runtime"] == "other"
    for told in attributes(engines).values():
        assert told["max-concurrent-downloads"] == "7"
        assert told["shutdown-timeout"] == "30"
        assert told["default-shm-size"] == str(128 * 1024 * 1024)

    every(engines.ok(state="absent"), changed=True, action="reload")
    assert set(engines.sh("ls /etc/docker/daemon.json 2>/dev/null || echo gone").values()) == {"gone"}
    for name, info in engines.info().items():
        for key in ("Labels", "Debug", "LiveRestoreEnabled", "DefaultRuntime", "RegistryConfig"):
            assert info[key] == default[name][key] or not (info[key] or default[name][key]), key
        assert "other" not in info["Runtimes"]
    for told in attributes(engines).values():
        assert {
            key: told[key]
            for key in (
                "max-concurrent-downloads",
                "max-concurrent-uploads",
                "max-download-attempts",
                "shutdown-timeout",
                "default-shm-size",
                "default-ipc-mode",
                "features",
            )
        } == {
            "max-concurrent-downloads": "3",
            "max-concurrent-uploads": "5",
            "max-download-attempts": "5",
            "shutdown-timeout": "15",
            "default-shm-size": "67108864",
            "default-ipc-mode": "private",
            "features": "map[]",
        }

    assert engines.container() == before
    assert all(container.running for container in before.values())
    assert engines.daemons() == daemons


def test_every_byte_of_the_file_its_mode_its_owner_and_its_link_come_back(disturbed: Engines) -> None:
    texts = ('{\n\t"labels" : [ "x=y" ],\r\n\t"debug":false}\n\n', "", '{"labels":["x=y"]}')
    disturbed.write(dict(zip(disturbed.names, texts, strict=True)))
    disturbed.sh(
        f"mv {DAEMON_JSON} /srv/daemon.json; ln -s /srv/daemon.json {DAEMON_JSON}; "
        "chown 12:34 /srv/daemon.json; chmod 0604 /srv/daemon.json"
    )
    look = f"stat --format '%F %a %u %g' {DAEMON_JSON} | sed 's/empty //'; stat --format '%a %u %g' /srv/daemon.json"
    content = "sha256sum </srv/daemon.json"
    before, bytes_before = disturbed.sh(look), disturbed.sh(content)
    results = disturbed.ok(config={**MIRRORS, "labels": ["a=b"]}, backup=True)
    every(results, changed=True, action="reload")
    assert all(result["backup_file"].startswith("/srv/daemon.json.") for result in results.values())
    newest = "$(ls -t /srv/daemon.json.*~ | head -n 1)"
    assert disturbed.sh(f"cat {newest} | sha256sum") == bytes_before
    assert disturbed.sh(look) == before
    assert disturbed.sh(content) != bytes_before
    every(disturbed.ok(state="absent"), changed=True)
    assert disturbed.sh(look) == before
    assert disturbed.sh(content) == bytes_before


def test_drift_of_the_running_daemon_is_seen_and_healed(engines: Engines) -> None:
    engines.ok(config=MIRRORS)
    engines.sh(
        'cp -p /etc/docker/daemon.json /srv/daemon.json; echo \'{"registry-mirrors": ["https://evil.example.test"]}\' '
        ">/etc/docker/daemon.json; systemctl kill --signal=HUP docker.service"
    )
    engines.wait("curl --silent --unix-socket /run/docker.sock http://localhost/info | grep -q evil")
    engines.sh("cp -p /srv/daemon.json /etc/docker/daemon.json")
    results = engines.ok(config=MIRRORS)
    every(results, changed=True, action="reload")
    for result in results.values():
        assert result["keys"]["registry-mirrors"]["why"] == "the running daemon does not have it yet"
    assert set(map(tuple, engines.mirrors().values())) == {("https://m1.example.test/", "https://m2.example.test/")}
    engines.ok(state="absent")


def test_a_reload_that_the_daemon_refuses_is_rolled_back_with_its_reason(engines: Engines) -> None:
    engines.ok(owner="other", config={"labels": ["a=b"]})
    before, container, daemons = engines.read(), engines.container(), engines.daemons()
    # Taken by every check there is, --validate included; refused when the daemon looks for the program.
    wrong = {**MIRRORS, "debug": True, "default-runtime": "/nonexistent/runtime"}
    results = engines.failed("put back byte for byte", config=wrong)
    for result in results.values():
        assert "/nonexistent/runtime" in result["msg"] or "default runtime" in result["msg"]
    every(results, rolled_back=True)
    assert engines.read() == before
    for info in engines.info().values():
        assert (info["RegistryConfig"]["Mirrors"] or [], info["Debug"], info["Labels"]) == ([], False, ["a=b"])
    assert (engines.container(), engines.daemons()) == (container, daemons)
    engines.ok(owner="other", state="absent")


def test_apply_none_and_reload_leave_it_to_the_operator(engines: Engines) -> None:
    every(engines.ok(config=MIRRORS, apply="none"), changed=True, action="none")
    assert set(map(len, engines.mirrors().values())) == {0}
    every(engines.ok(config=MIRRORS), changed=True, action="reload")
    with_log = {**MIRRORS, "log-opts": {"max-size": "10m"}}
    before = engines.read()
    refused = engines.failed("log-opts: dockerd reads this only when it starts", config=with_log)
    every(refused, restart_required=True, action="none")
    assert engines.read() == before
    every(engines.ok(config=with_log, apply="reload"), changed=True, action="none", restart_required=True)
    every(engines.ok(config=with_log, apply="reload"), changed=False, action="none", restart_required=True)
    every(engines.ok(state="absent", apply="reload"), changed=True, action="reload")
    assert set(engines.read().values()) == {""}
