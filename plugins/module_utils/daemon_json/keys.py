# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is known about the keys of daemon.json.

Which keys an engine knows was measured by giving every key to Engine 20.10.24, 26.1.5 and 28.5.2. What a reload
changes, and which explicit value undoes it, was read from the attributes of the daemon's own reload event
(docs/daemon_json.md). What came between those versions and after them is from the upstream source.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Tuple

Version = Tuple[int, int]

BOOL, INT, STR, LIST, MAP, POOLS = (
    "true or false",
    "a number",
    "a string",
    "a list of strings",
    "an object",
    "a list of objects",
)


@dataclass(frozen=True)
class Key:
    """One key of daemon.json.

    :ivar kind: what its value has to be.
    :ivar live: a reload (SIGHUP) applies it; everything else waits for a restart (docs/facts.md D1).
    :ivar flag: the long flag of dockerd that sets the same thing.
    :ivar short: its short flag.
    :ivar since: first engine that knows it; None for all supported ones.
    :ivar until: first engine that refuses it.
    :ivar unset: explicit value that undoes it on reload, where its removal alone does not (docs/facts.md D2).
    :ivar unordered: a list whose order means nothing.
    :ivar note: why it does not do what it seems to.
    """

    name: str
    kind: str
    live: bool = False
    flag: str = ""
    short: str = ""
    since: Version | None = None
    until: Version | None = None
    unset: Any = None
    unordered: bool = False
    note: str = ""

    def flag_name(self) -> str:
        return self.flag or self.name


_LIVE = [
    Key("debug", BOOL, True, short="D", unset=False),
    Key("labels", LIST, True, "label", unset=[], unordered=True),
    Key("live-restore", BOOL, True, unset=False),
    Key("shutdown-timeout", INT, True, unset=15),
    Key("features", MAP, True, "feature", unset={}),
    Key("registry-mirrors", LIST, True, "registry-mirror", unset=[]),
    Key("insecure-registries", LIST, True, "insecure-registry", unset=[], unordered=True),
    Key("allow-nondistributable-artifacts", LIST, True, unset=[], unordered=True),
    Key("max-concurrent-downloads", INT, True, unset=3),
    Key("max-concurrent-uploads", INT, True, unset=5),
    Key("max-download-attempts", INT, True, unset=5),
    Key("runtimes", MAP, True, "add-runtime", unset={}),
    Key("default-runtime", STR, True, unset="runc"),
    Key("default-shm-size", STR, True, unset="64M"),
    Key("default-ipc-mode", STR, True, unset="private"),
    # Its default depends on the cgroup version: see unset_value().
    Key("default-cgroupns-mode", STR, True),
    # A reload without the key stops the diagnostic server.
    Key("network-diagnostic-port", INT, True),
]

_RESTART = [
    Key("allow-direct-routing", BOOL, since=(28, 2)),
    Key("api-cors-header", STR),
    # A reload takes it, but with a plugin that is missing the daemon then dies some 15 s later (docs/facts.md D1).
    Key("authorization-plugins", LIST, flag="authorization-plugin"),
    Key("bip", STR),
    Key("bip6", STR, since=(28, 0)),
    Key("bridge", STR, short="b"),
    Key("bridge-accept-fwmark", STR, since=(29, 0)),
    Key("builder", MAP),
    Key("cdi-spec-dirs", LIST, flag="cdi-spec-dir", since=(25, 0)),
    Key("cgroup-parent", STR),
    Key("cluster-advertise", STR, until=(23, 0)),
    Key("cluster-store", STR, until=(23, 0)),
    Key("cluster-store-opts", MAP, flag="cluster-store-opt", until=(23, 0)),
    Key("containerd", STR),
    Key("containerd-namespace", STR),
    Key(
        "containerd-plugins-namespace",
        STR,
        note="dockerd takes the key and ignores it: only its flag --containerd-plugins-namespace works",
    ),
    Key("cpu-rt-period", INT),
    Key("cpu-rt-runtime", INT),
    Key("cri-containerd", BOOL),
    Key("data-root", STR),
    Key("default-address-pools", POOLS, flag="default-address-pool"),
    Key("default-gateway", STR),
    Key("default-gateway-v6", STR),
    Key("default-network-opts", MAP, flag="default-network-opt", since=(24, 0)),
    Key("default-ulimits", MAP, flag="default-ulimit"),
    Key("deprecated-key-path", STR),
    Key("dns", LIST),
    Key("dns-opts", LIST, flag="dns-opt"),
    Key("dns-search", LIST),
    Key("exec-opts", LIST, flag="exec-opt"),
    Key("exec-root", STR),
    Key("experimental", BOOL),
    Key("firewall-backend", STR, since=(29, 0)),
    Key("fixed-cidr", STR),
    Key("fixed-cidr-v6", STR),
    Key("graph", STR, short="g", until=(23, 0)),
    Key("group", STR, short="G"),
    Key("host-gateway-ip", STR),
    Key("host-gateway-ips", LIST, flag="host-gateway-ip", since=(28, 2)),
    Key("hosts", LIST, flag="host", short="H"),
    Key("icc", BOOL),
    Key("init", BOOL),
    Key("init-path", STR),
    Key("ip", STR),
    Key("ip-forward", BOOL),
    Key("ip-forward-no-drop", BOOL, since=(28, 0)),
    Key("ip-masq", BOOL),
    Key("ip6tables", BOOL),
    Key("iptables", BOOL),
    Key("ipv6", BOOL),
    Key("log-driver", STR),
    Key("log-format", STR, since=(25, 0)),
    Key("log-level", STR, short="l"),
    Key("log-opts", MAP, flag="log-opt"),
    Key("metrics-addr", STR),
    Key("mtu", INT),
    Key("network-control-plane-mtu", INT),
    Key("no-new-privileges", BOOL),
    Key("node-generic-resources", LIST, flag="node-generic-resource"),
    Key("nri-opts", MAP, flag="nri-opt", since=(29, 0)),
    Key("oom-score-adjust", INT, until=(26, 0)),
    Key("pidfile", STR, short="p"),
    Key("proxies", MAP, since=(23, 0)),
    Key("raw-logs", BOOL),
    Key("rootless", BOOL),
    Key("seccomp-profile", STR),
    Key("selinux-enabled", BOOL),
    Key("storage-driver", STR, short="s"),
    Key("storage-opts", LIST, flag="storage-opt"),
    Key("swarm-default-advertise-addr", STR),
    Key("tls", BOOL),
    Key("tlscacert", STR),
    Key("tlscert", STR),
    Key("tlskey", STR),
    Key("tlsverify", BOOL),
    Key("userland-proxy", BOOL),
    Key("userland-proxy-path", STR),
    Key("userns-remap", STR),
]

KEYS = {key.name: key for key in _LIVE + _RESTART}

# Below `proxies` only. dockerd takes them at the top as well, because a flag has that name, and then ignores them.
PROXY_KEYS = ("http-proxy", "https-proxy", "no-proxy")

# The newest engine whose keys are all in the table: an unknown key of a newer one is left to dockerd --validate.
NEWEST = (29, 99)

# May be both a flag and in the file (docs/facts.md D6).
IN_BOTH = ("runtimes",)


def is_live(name: str) -> bool:
    """Whether a reload applies the key."""
    key = KEYS.get(name)
    return key is not None and key.live


def live_change(name: str, before: Any, after: Any) -> bool:
    """Whether a reload applies this very change (None: the key is not there).

    The image store is chosen at the start of the daemon, although ``features`` is reloadable.
    """
    if name == "features":
        return _features(before).get("containerd-snapshotter") == _features(after).get("containerd-snapshotter")
    return is_live(name)


def unset_value(name: str, cgroup_version: str) -> Any:
    """The explicit value that undoes a live key, or None where leaving it out does."""
    if name == "default-cgroupns-mode":
        return "host" if cgroup_version == "1" else "private"
    key = KEYS.get(name)
    return key.unset if key is not None and key.live else None


def _features(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
