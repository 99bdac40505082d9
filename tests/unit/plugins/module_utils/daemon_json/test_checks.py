# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What dockerd would refuse or misread is said beforehand (docs/facts.md D5, D6, D13 to D15)."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json import flags
from ansible_collections.dockmirror.fleet.plugins.module_utils.daemon_json.checks import (
    ERROR,
    WARNING,
    Engine,
    check,
    insecure_registry_problem,
    mirror_problems,
)

E20, E26, E28 = Engine((20, 10)), Engine((26, 1)), Engine((28, 5))


def errors(values: dict[str, Any], engine: Engine = E26, bom: bool = False) -> list[str]:
    return [str(problem) for problem in check(values, engine, bom) if problem.severity == ERROR]


def warnings(values: dict[str, Any], engine: Engine = E26) -> list[str]:
    return [str(problem) for problem in check(values, engine) if problem.severity == WARNING]


@pytest.mark.parametrize("engine", [E20, E26, E28, Engine()])
def test_an_ordinary_document_has_no_problem(engine: Engine) -> None:
    values = {
        "debug": False,
        "registry-mirrors": ["https://mirror.example.com", "http://10.0.0.1:5000/"],
        "insecure-registries": ["10.0.0.0/8", "reg.example.com:5000", "[fd00::1]:5000", "fd00::/8"],
        "labels": ["a=b"],
        "log-driver": "json-file",
        "log-opts": {"max-size": "10m", "max-file": "3", "compress": "true"},
        "live-restore": True,
        "storage-driver": "overlay2",
        "bip": "192.168.5.1/24",
        "mtu": 1400,
        "default-runtime": "crun",
        "runtimes": {"crun": {"path": "/usr/bin/crun"}},
        "features": {"buildkit": True},
        "default-address-pools": [{"base": "10.1.0.0/16", "size": 24}],
        "dns": ["192.0.2.1"],
        "default-shm-size": "64M",
        "exec-opts": ["native.cgroupdriver=systemd"],
        "hosts": ["unix:///run/docker.sock"],
        "shutdown-timeout": -1,
    }
    assert check(values, engine) == []


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("registry-mirror", "registry-mirrors"),
        ("insecure-registry", "insecure-registries"),
        ("label", "labels"),
        ("host", "hosts"),
        ("log-opt", "log-opts"),
        ("storage-opt", "storage-opts"),
        ("exec-opt", "exec-opts"),
        ("dns-opt", "dns-opts"),
        ("add-runtime", "runtimes"),
        ("default-address-pool", "default-address-pools"),
        ("default-ulimit", "default-ulimits"),
        ("authorization-plugin", "authorization-plugins"),
        ("feature", "features"),
        ("registry_mirrors", "registry-mirrors"),
        ("registryMirrors", "registry-mirrors"),
        ("Debug", "debug"),
        ("--debug", "debug"),
        ("insecure_registry", "insecure-registries"),
        ("registry-miror", "registry-mirrors"),
        ("live_restore", "live-restore"),
    ],
)
@pytest.mark.parametrize("engine", [E20, E26, E28])
def test_d5_a_flags_or_wrong_spelling_is_an_error_that_names_the_right_one(
    name: str, meant: str, engine: Engine
) -> None:
    found = errors({name: ["x"]}, engine)
    assert len(found) == 1
    assert f'did you mean "{meant}"?' in found[0]


def test_d5_a_known_key_inside_an_unknown_object_is_an_error() -> None:
    found = errors({"daemon": {"registry-mirrors": ["https://m.example"], "debug": True}})
    assert found == [
        'daemon: dockerd does not know "daemon" and ignores what is in it: registry-mirrors, debug belong at the '
        "top of the document"
    ]


def test_an_unknown_key_is_an_error_but_for_an_engine_newer_than_what_is_known() -> None:
    assert errors({"zzz": 1}) == ["zzz: dockerd does not know it and will not start with it"]
    assert errors({"zzz": 1}, Engine((31, 0))) == []
    assert errors({"registry-mirror": ["x"]}, Engine((31, 0))) != []


def test_an_empty_unknown_object_is_only_a_warning_as_dockerd_lives_with_it() -> None:
    assert errors({"zzz": {}}) == []
    assert warnings({"zzz": {}}) == ["zzz: dockerd does not know it, and ignores it because it is empty"]


@pytest.mark.parametrize(
    ("name", "value", "old", "new"),
    [
        ("proxies", {"http-proxy": "http://p:1"}, E20, E26),
        ("default-network-opts", {}, Engine((23, 0)), E26),
        ("log-format", "json", Engine((24, 0)), E26),
        ("ip-forward-no-drop", True, E26, E28),
        ("host-gateway-ips", ["10.0.0.1"], E26, E28),
        ("firewall-backend", "nftables", E28, Engine((29, 1))),
    ],
)
def test_a_key_that_came_later(name: str, value: Any, old: Engine, new: Engine) -> None:
    assert "does not know it; it came with" in errors({name: value}, old)[0]
    assert errors({name: value}, new) == []


@pytest.mark.parametrize(
    ("name", "value", "old", "new"),
    [
        ("graph", "/var/lib/docker", E20, Engine((23, 0))),
        ("cluster-store", "x", E20, E26),
        ("oom-score-adjust", -500, E20, E26),
    ],
)
def test_a_key_that_went_away(name: str, value: Any, old: Engine, new: Engine) -> None:
    assert errors({name: value}, old) == []
    assert "no longer knows it; it went away with" in errors({name: value}, new)[0]


def test_a_proxy_at_the_top_is_ignored_by_dockerd_so_it_is_an_error() -> None:
    assert 'it belongs into "proxies"' in errors({"http-proxy": "http://p:1"})[0]


def test_a_key_that_dockerd_takes_and_ignores_is_an_error() -> None:
    assert "takes the key and ignores it" in errors({"containerd-plugins-namespace": "x"})[0]


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("debug", "true", "it is a string; it has to be true or false"),
        ("debug", 1, "it is a number"),
        ("mtu", "1500", "it is a string; it has to be a number"),
        ("mtu", True, "it is true or false"),
        ("registry-mirrors", "https://m.example", "it is a string; it has to be a list of strings"),
        ("labels", [1], "it is a list of something else"),
        ("log-opts", [], "it is a list; it has to be an object"),
        ("data-root", {}, "it is an object; it has to be a string"),
        ("default-shm-size", 64, "it is a number"),
        ("default-address-pools", ["10.0.0.0/8"], "a list of something else"),
    ],
)
def test_wrong_types(name: str, value: Any, message: str) -> None:
    assert message in errors({name: value})[0]


def test_null_is_a_warning_as_dockerd_takes_it_for_nothing() -> None:
    assert errors({"debug": None}) == []
    assert warnings({"debug": None}) == ["debug: it is null; it has to be true or false"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mirror.example.com", 'did you mean "https://mirror.example.com"?'),
        ("ftp://mirror.example.com", "begins with https:// or http://"),
        ("https://", "names no host"),
        ("https:// mirror", "names no host"),
        ("https://user:pw@mirror.example.com", "refuses credentials"),
        ("https://m.example?x=1", "refuses a query"),
        ("https://m.example#x", "refuses a fragment"),
        ("https://m.example:99999", "it is not a URL"),
        ("https://m.example:x", "it is not a URL"),
    ],
)
@pytest.mark.parametrize("version", [(20, 10), (26, 1), (28, 5), None])
def test_d15_mirror_urls(url: str, message: str, version: tuple[int, int] | None) -> None:
    assert any(message in problem for problem in mirror_problems(url, version))


def test_d15_a_path_in_a_mirrors_url_is_allowed_from_24_on() -> None:
    url = "https://m.example/docker"
    assert "needs Engine 24.0" in mirror_problems(url, (23, 0))[0]
    assert "needs Engine 24.0" in mirror_problems(url, (20, 10))[0]
    assert mirror_problems(url, (24, 0)) == []
    assert mirror_problems(url, None) == []
    assert mirror_problems("https://m.example/", (20, 10)) == []


def test_a_mirrors_credentials_are_not_repeated() -> None:
    assert all(
        "hunter22" not in problem for problem in errors({"registry-mirrors": ["https://joe:hunter22@m.example"]})
    )


@pytest.mark.parametrize(
    "entry",
    [
        "reg",
        "reg:5000",
        "reg.example.com",
        "10.0.0.1",
        "10.0.0.1:80",
        "10.0.0.0/8",
        "10.1.2.3/8",
        "fd00::1",
        "[fd00::1]:5000",
        "[fd00::1]",
        "fd00::/8",
        "REG.example",
    ],
)
def test_insecure_registries_that_are_right(entry: str) -> None:
    assert insecure_registry_problem(entry) == ""


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "reg 1",
        "reg:",
        "reg:x",
        "reg:70000",
        "reg:0",
        "reg/path",
        "10.0.0.0/99",
        "[fd00::zz]:5000",
        "a:b:c",
        "-reg",
        "reg-",
        "*.example.com",
        "my_reg:5000",
    ],
)
def test_insecure_registries_that_are_wrong(entry: str) -> None:
    assert insecure_registry_problem(entry) != ""
    assert errors({"insecure-registries": [entry]}) != []


def test_an_insecure_registry_with_a_scheme_is_a_warning_as_dockerd_drops_it() -> None:
    assert errors({"insecure-registries": ["https://reg.example:5000"]}) == []
    assert 'write "reg.example:5000"' in warnings({"insecure-registries": ["https://reg.example:5000"]})[0]
    assert errors({"insecure-registries": ["https://reg.example:5000/"]}) != []
    assert errors({"insecure-registries": ["tcp://reg.example:5000"]}) != []


@pytest.mark.parametrize(
    ("argv", "key", "spelled"),
    [
        (["-H", "fd://"], "hosts", "-H"),
        (["-Hfd://"], "hosts", "-H"),
        (["-H=fd://"], "hosts", "-H"),
        (["--host=fd://"], "hosts", "--host"),
        (["-s", "overlay2"], "storage-driver", "-s"),
        (["--storage-driver", "overlay2"], "storage-driver", "--storage-driver"),
        (["-D"], "debug", "-D"),
        (["--debug=true"], "debug", "--debug"),
        (["-Ds", "overlay2"], "storage-driver", "-s"),
        (["-l", "warn"], "log-level", "-l"),
        (["-G", "docker"], "group", "-G"),
        (["-b", "br0"], "bridge", "-b"),
        (["-p", "/x"], "pidfile", "-p"),
        (["--registry-mirror", "https://m"], "registry-mirrors", "--registry-mirror"),
        (["--insecure-registry=x"], "insecure-registries", "--insecure-registry"),
        (["--label", "a=b"], "labels", "--label"),
        (["--log-opt", "max-size=1m"], "log-opts", "--log-opt"),
        (["--dns", "10.0.0.1"], "dns", "--dns"),
        (["--exec-opt", "x=y"], "exec-opts", "--exec-opt"),
        (["--storage-opt", "x=y"], "storage-opts", "--storage-opt"),
        (["--default-ulimit", "nofile=1"], "default-ulimits", "--default-ulimit"),
        (["--feature", "x=true"], "features", "--feature"),
        (["--live-restore"], "live-restore", "--live-restore"),
        (["--data-root", "/d"], "data-root", "--data-root"),
        (["--containerd=/run/c.sock"], "containerd", "--containerd"),
    ],
)
def test_d6_a_setting_that_is_a_flag_too_is_an_error(argv: list[str], key: str, spelled: str) -> None:
    right: Any = {
        "hosts": ["fd://"],
        "debug": True,
        "live-restore": True,
        "registry-mirrors": ["https://m.example"],
        "insecure-registries": ["x"],
        "labels": ["a=b"],
        "log-opts": {"max-size": "1m"},
        "dns": ["10.0.0.1"],
        "exec-opts": ["x=y"],
        "storage-opts": ["x=y"],
        "default-ulimits": {},
        "features": {},
        "storage-driver": "overlay2",
        "log-level": "warn",
    }.get(key, "x")
    found = errors({key: right}, Engine((26, 1), flags.parse(["/usr/sbin/dockerd", *argv])))
    assert len(found) == 1
    assert (
        f"dockerd is started with {spelled}; a setting that is both flag and in the file stops the daemon" in found[0]
    )
    assert errors({key: right}, Engine((26, 1), flags.parse(["/usr/sbin/dockerd", "--ip-masq"]))) == []


def test_d6_old_graph_flag() -> None:
    assert "started with -g" in errors({"graph": "/x"}, Engine((20, 10), flags.parse(["dockerd", "-g", "/x"])))[0]


def test_d6_only_runtimes_may_be_both() -> None:
    engine = Engine((26, 1), flags.parse(["dockerd", "--add-runtime", "crun=/usr/bin/crun"]))
    assert errors({"runtimes": {"kata": {"path": "/k"}}, "default-runtime": "crun"}, engine) == []


def test_d6_a_proxy_flag_conflicts_with_the_member_of_proxies() -> None:
    engine = Engine((26, 1), flags.parse(["dockerd", "--http-proxy", "http://p:1"]))
    assert "started with --http-proxy" in errors({"proxies": {"http-proxy": "http://p:2"}}, engine)[0]
    assert errors({"proxies": {"no-proxy": "x"}}, engine) == []


def test_hosts_with_the_usual_flag_says_how_to_get_out_of_it() -> None:
    assert (
        "drop-in"
        in errors({"hosts": ["tcp://[::1]:2376"]}, Engine((26, 1), flags.parse(["dockerd", "-H", "fd://"])))[0]
    )


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"labels": ["a=b", "a=c"]}, "has two values"),
        ({"log-opts": {"max-file": 3}}, 'write "3" in quotes'),
        ({"log-opts": {"compress": True}}, 'write "true" in quotes'),
        ({"log-opts": {"max-sise": "1m"}}, "did you mean max-size?"),
        ({"log-opts": {"max-size": "10 megs"}}, "is not a size"),
        ({"log-opts": {"max-file": "0"}}, "is not a number above 0"),
        ({"log-opts": {"compress": "yes"}}, '"true" or "false"'),
        ({"log-driver": "local", "log-opts": {"tag": "x"}}, "the log driver local has no option tag"),
        ({"default-runtime": "crun"}, 'no runtime "crun"'),
        ({"runtimes": {"crun": "/usr/bin/crun"}}, "has to be an object"),
        ({"runtimes": {"crun": {}}}, "neither"),
        ({"runtimes": {"runc": {"path": "/x"}}}, "reserved"),
        ({"features": {"buildkit": "true"}}, "true or false"),
        ({"proxies": {"http_proxy": "x"}}, 'has no "http_proxy"'),
        ({"proxies": {"http-proxy": 1}}, "has to be a string"),
        ({"storage-driver": "overlayfs2"}, "no storage driver"),
        ({"bip": "192.168.5.1"}, "prefix length"),
        ({"bip": "192.168.5.0/24"}, "like 192.168.5.1/24"),
        ({"bip": "x/24"}, "prefix length"),
        ({"dns": ["ns.example.com"]}, "is not an IP address"),
        ({"fixed-cidr": "10.0.0.0/99"}, "is not a network"),
        ({"default-address-pools": [{"base": "10.0.0.0/8", "size": 4}]}, "prefix length from 8 to 32"),
        ({"default-address-pools": [{"base": "x", "size": 4}]}, "is not a network"),
        ({"max-concurrent-downloads": -1}, "less than 0"),
        ({"default-shm-size": "big"}, "is not a size"),
        ({"default-ipc-mode": "host"}, "is not one of private, shareable"),
        ({"default-cgroupns-mode": "x"}, "is not one of"),
        ({"log-level": "loud"}, "is not one of debug"),
    ],
)
def test_d5_values_that_validate_accepts_and_the_daemon_or_a_container_does_not(
    values: dict[str, Any], message: str
) -> None:
    assert any(message in found for found in errors(values)), errors(values)


def test_log_options_of_other_drivers_are_theirs() -> None:
    assert errors({"log-driver": "splunk", "log-opts": {"splunk-token": "x", "anything": "y"}}) == []
    assert (
        errors({"log-opts": {"anything": "y"}}, Engine((26, 1), flags.parse(["dockerd", "--log-driver=syslog"]))) == []
    )


def test_0_download_attempts_are_refused_by_old_engines() -> None:
    assert errors({"max-download-attempts": 0}, E20) != []
    assert errors({"max-download-attempts": 0}, E26) == []


def test_what_only_old_engines_refuse() -> None:
    assert errors({"labels": ["a"]}, E20) != []
    assert errors({"labels": ["a"]}, E26) == []
    assert errors({"insecure-registries": ["[fd00::1]"]}, E20) != []
    assert errors({"insecure-registries": ["[fd00::1]"]}, E26) == []
    assert "leave the key out" in errors({"seccomp-profile": "builtin"}, E20)[0]
    assert errors({"seccomp-profile": "builtin"}, E26) == []


def test_live_restore_in_a_swarm() -> None:
    assert errors({"live-restore": True}, Engine((26, 1), swarm=True)) == [
        "live-restore: it cannot be used on a member of a swarm"
    ]


def test_d5_a_byte_order_mark_stops_old_engines() -> None:
    assert errors({}, E20, bom=True) != []
    assert errors({}, E26, bom=True) == []


def test_d13_an_http_mirror_with_the_containerd_store_of_26_needs_insecure_registries() -> None:
    engine = Engine((26, 1), snapshotter=True)
    assert (
        "only if insecure-registries has m.example:5000"
        in warnings({"registry-mirrors": ["http://m.example:5000"]}, engine)[0]
    )
    assert (
        warnings({"registry-mirrors": ["http://m.example:5000"], "insecure-registries": ["m.example:5000"]}, engine)
        == []
    )
    assert warnings({"registry-mirrors": ["http://m.example:5000"]}, E26) == []


def test_d14_an_insecure_mirror_with_the_containerd_store_of_28_is_warned_of() -> None:
    engine = Engine((28, 5), snapshotter=True)
    assert "weakens" in warnings({"registry-mirrors": ["http://m.example"]}, engine)[0]
    assert (
        "weakens"
        in warnings({"registry-mirrors": ["https://m.example"], "insecure-registries": ["m.example"]}, engine)[0]
    )
    assert warnings({"registry-mirrors": ["https://m.example"]}, engine) == []
