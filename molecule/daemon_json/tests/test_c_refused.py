# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is refused before anything is touched (facts D5, D6, D15, D16)."""

from __future__ import annotations

import json

from .conftest import Engines, every

MIRRORS = {"registry-mirrors": ["https://m1.example.test"]}
DROP_IN = "/etc/systemd/system/docker.service.d/test.conf"


def test_a_broken_file_is_left_as_it_is_and_the_daemon_too(engines: Engines) -> None:
    # A different one for each engine: how it is read does not depend on the engine.
    broken = dict(
        zip(
            engines.names,
            (
                ('{"debug": false,}', "a comma too many"),
                ('{\n  // comment\n  "debug": false\n}', "a comment at line 2"),
                ('{"labels": [], "labels": []}', '"labels" is given twice'),
            ),
            strict=True,
        )
    )
    texts = {name: text for name, (text, _message) in broken.items()}
    engines.write(texts)
    daemons = engines.daemons()
    for arguments in ({"config": MIRRORS}, {"state": "absent"}):
        for name, result in engines.failed("cannot be understood and was left as it is", **arguments).items():
            assert broken[name][1] in result["msg"]
    assert engines.read() == texts
    assert engines.daemons() == daemons
    engines.sh("rm /etc/docker/daemon.json")


def test_what_validate_would_let_pass_is_refused_in_one_message(engines: Engines) -> None:
    wrong = {
        "registry-mirror": ["https://m1.example.test"],
        "daemon": {"debug": True},
        "registry-mirrors": ["m1.example.test"],
        "insecure-registries": ["registry.example.test/path"],
        "log-opts": {"max-sise": "1m"},
        "bip": "192.168.5.0/24",
        "default-runtime": "nope",
        "storage-driver": "nope",
        "hosts": ["unix:///run/docker.sock"],
    }
    results = engines.failed("would not work and was left as it is", config=wrong, allow_restart=True)
    for result in results.values():
        for part in (
            'registry-mirror: that is the spelling of dockerd\'s flag; did you mean "registry-mirrors"?',
            "debug belongs at the top",
            'did you mean "https://m1.example.test"?',
            "registry.example.test/path: it is neither",
            "did you mean max-size?",
            "192.168.5.1/24",
            'no runtime "nope"',
            'no storage driver "nope"',
            "dockerd is started with -H",
        ):
            assert part in result["msg"]
    assert set(engines.read().values()) == {""}


def test_each_engine_has_its_own_rules_and_dockerds_own_check_is_asked_where_there_is_one(
    engines: Engines,
) -> None:
    config = {"registry-mirrors": ["https://m1.example.test/hub"], "default-network-opts": {"bridge": "x"}}
    results = engines.failed("would not work and was left as it is", config=config, allow_restart=True, check=True)
    old = results.pop("engine20.example.test")
    assert "a path in a mirror's URL needs Engine 24.0; this one is 20.10" in old["msg"]
    assert "default-network-opts: this engine (20.10) does not know it; it came with 24.0" in old["msg"]
    for result in results.values():
        assert "dockerd --validate says:" in result["msg"]
        assert "mirror" not in result["msg"].split("says:")[1]
    assert set(engines.read().values()) == {""}


def test_a_flag_of_the_running_daemon_conflicts_with_the_same_setting_in_the_file(disturbed: Engines) -> None:
    disturbed.sh(
        f"mkdir -p $(dirname {DROP_IN}); "
        f"printf '[Service]\\nEnvironment=\"DOCKER_OPTS=-D --label a=b\"\\n' >{DROP_IN}; "
        "systemctl daemon-reload; systemctl restart docker.service"
    )
    results = disturbed.failed("debug: dockerd is started with -D", config={"debug": True, "labels": ["c=d"]})
    for result in results.values():
        assert "labels: dockerd is started with --label" in result["msg"]
    assert set(disturbed.read().values()) == {""}
    # The same holds for a daemon that does not run: the flags are those of its unit.
    disturbed.sh("systemctl stop docker.service docker.socket")
    disturbed.failed("debug: dockerd is started with -D", config={**MIRRORS, "debug": True})


def test_a_host_without_docker(engines: Engines) -> None:
    engines.failed("has no unit nothing.service", config=MIRRORS, service="nothing")
    predicted = engines.ok(config=MIRRORS, service="nothing", check=True)
    every(predicted, changed=True, action="none")
    assert set(engines.read().values()) == {""}


def test_a_secret_is_in_the_file_and_nowhere_else(disturbed: Engines) -> None:
    config = {
        "log-driver": "splunk",
        "labels": ["api-key=geheim-zwei"],
        "log-opts": {"splunk-token": "geheim-eins", "splunk-url": "https://splunk.example.test"},
    }
    mark = disturbed.sh("date +%s")
    results, output = disturbed.raw(config=config, apply="none", verbose=True)
    every(results, changed=True)
    assert "geheim" not in output
    assert "splunk.example.test" in output, "what is no secret is shown"
    for text in disturbed.read().values():
        assert "geheim-eins" in text
        assert "geheim-zwei" in text
    assert set(disturbed.sh("stat --format %a /etc/docker/daemon.json").values()) == {"600"}
    for name, log in disturbed.sh(f"journalctl --quiet --since=@{mark[disturbed.names[0]]}").items():
        assert "daemon_json" in log, f"{name}: the module's call is in the system log"
        assert "geheim" not in log
    failed = disturbed.failed("bip", config={**config, "bip": "x"})
    assert "geheim" not in json.dumps(failed)
