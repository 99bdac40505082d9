# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What tests of a running fleet need: its hosts, the logs of the Hub and of a mirror, and faults.

For pytest in a molecule scenario, which sets ``MOLECULE_INVENTORY_FILE``::

    from tests.lab import testing

    client = testing.first("docker_clients")
    mark = testing.hub_log().mark()
    client.check_output("docker pull -q alpine")
    assert testing.hub_log().since(mark)
"""

from __future__ import annotations

import functools
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import testinfra
from testinfra.utils.ansible_runner import AnsibleRunner

from tests.lab.run import LabError, docker, wait_until

HUB_LOG = "/var/log/nginx/hub.log"
MIRROR_LOG = "/var/log/dockmirror/access.json"
LogEntry = dict[str, Any]
T = TypeVar("T")


@functools.cache
def _inventory(file: str) -> Any:
    # Asked once for each inventory: every AnsibleRunner runs `ansible-inventory`, which takes a second of CPU.
    return AnsibleRunner(file)


def _runner() -> Any:
    return _inventory(os.environ["MOLECULE_INVENTORY_FILE"])


@functools.cache
def _view(container_name: str) -> Any:
    return testinfra.get_host(f"docker://{container_name}")


def container(name: str) -> str:
    """Name of the container that is host *name*."""
    return str(_runner().get_variables(name)["ansible_host"])


def host(name: str) -> Any:
    """Testinfra's view of host *name*; it talks to the container itself, which is many times faster than Ansible."""
    return _view(container(name))


def connection(name: str) -> dict[str, Any]:
    """The variables by which Ansible reaches host *name*."""
    return {key: value for key, value in _runner().get_variables(name).items() if key.startswith("ansible_")}


def names(group: str) -> list[str]:
    """Inventory names of the hosts of *group*."""
    found: list[str] = _runner().get_hosts(group)
    return found


def first(group: str) -> Any:
    """Testinfra's view of the first host of *group*."""
    return host(names(group)[0])


def address(name: str) -> str:
    """IPv4 address of host *name* in the fleet's network, as the logs show it."""
    template = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return docker("inspect", "-f", template, container(name))


class Log:
    """A log with one JSON object per line."""

    def __init__(self, name: str, path: str) -> None:
        """Read *path* of host *name*."""
        self._host, self._path = host(name), path

    def mark(self) -> int:
        """A point in time, for `since`: the number of lines up to now."""
        return int(self._host.check_output(f"cat {self._path} 2>/dev/null | wc -l"))

    def since(self, mark: int) -> list[LogEntry]:
        """Entries that were written after *mark*."""
        text = self._host.check_output(f"tail -n +{mark + 1} {self._path}")
        return [json.loads(line) for line in text.splitlines()]

    def wait(self, mark: int, wanted: Callable[[LogEntry], bool], timeout: float = 10) -> list[LogEntry]:
        """Entries after *mark* that are *wanted*, at least one: a server writes them after its answer."""
        found: list[LogEntry] = []

        def there() -> bool:
            found[:] = [entry for entry in self.since(mark) if wanted(entry)]
            return bool(found)

        wait_until(there, timeout, f"entry in {self._path}")
        return found


def hub_log() -> Log:
    """Log of the simulated Docker Hub: time, remote_addr, host, method, uri, status, bytes_sent, range, user_agent."""
    return Log(names("hub")[0], HUB_LOG)


def mirror_log(name: str) -> Log:
    """Access log of the gateway on mirror host *name*."""
    return Log(name, MIRROR_LOG)


@contextmanager
def _hub_flag(flag: str) -> Iterator[None]:
    hub = first("hub")
    hub.check_output(f"touch /run/hub-{flag}")
    try:
        yield
    finally:
        hub.check_output(f"rm -f /run/hub-{flag}")


@contextmanager
def hub_answers(status: int) -> Iterator[None]:
    """While it lasts, the Hub answers every request with 500 or 503, or each GET of a manifest with 429."""
    if status not in (429, 500, 503):
        raise ValueError(f"the Hub cannot be made to answer {status}")
    with _hub_flag(str(status)):
        yield


@contextmanager
def low_budget() -> Iterator[None]:
    """While it lasts, the Hub says that 5 of 100 pulls remain, where it otherwise says 76."""
    with _hub_flag("low"):
        yield


@contextmanager
def slow_hub() -> Iterator[None]:
    """While it lasts, the Hub sends 1 MiB a second on each connection."""
    with _hub_flag("slow"):
        yield


@contextmanager
def corrupt_blob(digest: str, size: int) -> Iterator[None]:
    """While it lasts, the Hub answers with as many wrong bytes for blob *digest*."""
    hub, path = first("hub"), f"/run/hub-blobs/{digest}"
    hub.check_output(f"mkdir -p /run/hub-blobs && head -c {size} /dev/zero > {path}")
    try:
        yield
    finally:
        hub.check_output(f"rm -f {path}")


@contextmanager
def without_dns(name: str) -> Iterator[None]:
    """While it lasts, no name resolves on host *name* and in its containers. Go programs notice within 5 seconds."""
    target = host(name)
    files = target.check_output(
        "echo /etc/resolv.conf $(docker ps --quiet | xargs docker inspect --format '{{.ResolvConfPath}}')"
    )
    # They are bind-mounted, so that they cannot be replaced.
    target.check_output(f"for file in {files}; do cp $file $file.saved && echo nameserver 127.0.0.9 > $file; done")
    try:
        yield
    finally:
        target.check_output(f"for file in {files}; do cat $file.saved > $file && rm $file.saved; done")


def reboot(name: str) -> None:
    """Shut host *name* down in good order and start it again."""
    docker("restart", container(name))


def start(unit: str, action: str = "start") -> str:
    """The command that starts systemd *unit*, however often tests have started it in the last seconds.

    From the sixth time in ten seconds on, systemd refuses (StartLimitBurst).
    """
    return f"systemctl reset-failed {unit}; systemctl {action} {unit}"


@contextmanager
def stopped(name: str, unit: str) -> Iterator[None]:
    """While it lasts, systemd *unit* of host *name* is stopped: connections to it are refused."""
    target = host(name)
    target.check_output(f"systemctl stop {unit}")
    try:
        yield
    finally:
        target.check_output(start(unit))


@contextmanager
def meanwhile(look: Callable[[], T]) -> Iterator[list[T]]:
    """While it lasts, *look* is called again and again; gives what came of it."""
    over = threading.Event()
    seen: list[T] = []

    def work() -> None:
        # Looking all the time would take the processor from those that are looked at.
        while not over.wait(0.5):
            seen.append(look())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield seen
    finally:
        over.set()
        thread.join()


@contextmanager
def suspended(name: str, unit: str) -> Iterator[None]:
    """While it lasts, the processes of systemd *unit* stand still: connections are accepted, and that is all."""
    target = host(name)
    target.check_output(f"systemctl kill --signal=SIGSTOP {unit}")
    try:
        yield
    finally:
        target.check_output(f"systemctl kill --signal=SIGCONT {unit}")


@contextmanager
def offline(name: str) -> Iterator[None]:
    """While it lasts, host *name* has no network but its loopback."""
    view = host(name)
    route = view.check_output("ip route show default")
    view.check_output("ip link set eth0 down")
    try:
        yield
    finally:
        view.check_output(f"ip link set eth0 up && ip route replace {route}")


@contextmanager
def frozen(name: str) -> Iterator[None]:
    """While it lasts, host *name* accepts connections and never answers."""
    name = container(name)

    def is_frozen() -> bool:
        # The kernel freezes all processes of the host or none: it gives up while one of them cannot be interrupted.
        with suppress(LabError):
            docker("pause", name)
        return docker("inspect", "-f", "{{.State.Paused}}", name) == "true"

    wait_until(is_frozen, 30, f"{name} that is frozen")
    try:
        yield
    finally:
        docker("unpause", name)


@contextmanager
def unreachable(name: str, port: int) -> Iterator[None]:
    """While it lasts, host *name* drops every packet to TCP *port* without a word."""
    target = host(name)
    rule = f"INPUT -p tcp --dport {port} -j DROP"
    target.check_output(f"iptables -I {rule}")
    try:
        yield
    finally:
        target.check_output(f"iptables -D {rule}")
