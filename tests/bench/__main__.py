# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""``make bench``: measure on hosts of the lab, and write docs/benchmarks.md; an argument is a part to measure alone."""

from __future__ import annotations

import json
import os
import platform
import sys
from pathlib import Path

import yaml

from tests.bench import engines
from tests.bench.report import PARTS, text
from tests.lab import artefacts, engine, fleet, paths, platforms
from tests.lab.run import LabError, docker, run
from tests.tools.stage import CACHE, ROOT

FLEET = "bench"
HOST = platforms.parse([{"name": "bench.example.test", "image": "trixie-full", "groups": ["bench"]}])
OUTPUT = CACHE / "bench"
INSIDE = "/opt/bench"
GATEWAY_DIRS = ("/etc/dockmirror/gateway/tls", "/var/lib/dockmirror/gateway/cache", "/var/log/dockmirror")
RENDERED = ("gateway.conf", "static.conf", "registry.conf", "mirror.yml", "plain.yml", "registry.yml", "mirror.port")
REPORT = ROOT / "docs/benchmarks.md"


def main(arguments: list[str]) -> int:
    """Measure; the exit code is 1 when a figure misses its goal, and 2 when nothing could be measured."""
    parts = arguments or list(PARTS)
    if unknown := [part for part in parts if part not in PARTS]:
        print(f"bench: there is no part {unknown[0]}; there are {', '.join(PARTS)}", file=sys.stderr)
        return 2
    try:
        engine.up()
        results = on_one_host([part for part in parts if part != "engines"])
        if "engines" in parts:
            results["engines"] = engines.measure()
    except LabError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "results.json").write_text(json.dumps(results, indent=2) + "\n")
    report, missed = text(results, REPORT.read_text() if REPORT.exists() else "")
    REPORT.write_text(report)
    print(report)
    for line in missed:
        print(f"bench: {line}", file=sys.stderr)
    return 1 if missed else 0


def on_one_host(parts: list[str]) -> dict[str, object]:
    """What is measured on the loopback of one host, and what machine it is."""
    if not parts:
        return {"machine": machine("")}
    artefacts.build([HOST[0].image])
    if not (paths.REGISTRY / "3/registry").exists():
        raise LabError("the benchmark needs registry 3, which cannot be had on this machine")
    container = fleet.up(FLEET, HOST)[0].container
    try:
        return measure(container, parts)
    finally:
        fleet.down(FLEET)


def measure(container: str, parts: list[str]) -> dict[str, object]:
    """Set the host up and run the measurements of these parts there."""
    build = run("docker", "exec", container, "nginx", "-V").stderr
    kernel_tls = docker("exec", container, "cat", "/proc/sys/net/ipv4/tcp_available_ulp", check=False)
    render({"bench_output": str(OUTPUT), "bench_nginx": build, "bench_kernel_tls": kernel_tls})
    tests = ["tests/__init__.py", *(str(path.relative_to(ROOT)) for path in (ROOT / "tests/bench").glob("*.py"))]
    docker("exec", container, "mkdir", "-p", f"{INSIDE}/tests/bench", "/run/dockmirror-gateway", *GATEWAY_DIRS)
    for source in tests:
        docker("cp", str(ROOT / source), f"{container}:{INSIDE}/{source}")
    for source in RENDERED:
        docker("cp", str(OUTPUT / source), f"{container}:{INSIDE}/{source}")
    docker("cp", str(ROOT / "roles/registry/files/dockmirror_auth.py"), f"{container}:{INSIDE}/dockmirror_auth.py")
    docker("cp", str(paths.REGISTRY / "3/registry"), f"{container}:{INSIDE}/registry")
    certificate = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    files = ["-out", f"{GATEWAY_DIRS[0]}/server.crt", "-keyout", f"{GATEWAY_DIRS[0]}/server.key"]
    docker("exec", container, *certificate, "-days", "1", "-subj", "/CN=bench", *files)
    done = docker("exec", "-w", INSIDE, container, "python3", "-m", "tests.bench.measure", *parts, timeout=3600)
    found: dict[str, object] = json.loads(done.splitlines()[-1])
    version = run("docker", "exec", container, "nginx", "-v").stderr.strip().removeprefix("nginx version: nginx/")
    found["machine"] = machine(f", Nginx {version}")
    return found


def machine(programs: str) -> str:
    """What the figures were measured on, followed by *programs*."""
    return f"{os.cpu_count()} processors, {platform.machine()}, Linux {platform.release()}{programs}"


def render(variables: dict[str, str]) -> None:
    """Write the configuration of the product and of what it is measured against, to OUTPUT."""
    OUTPUT.mkdir(parents=True, exist_ok=True)
    run(
        str(Path(sys.executable).with_name("ansible-playbook")),
        *("-i", "localhost,", "-e", f"ansible_python_interpreter={sys.executable}", "-e", json.dumps(variables)),
        str(ROOT / "tests/bench/render.yml"),
        env={"ANSIBLE_CONFIG": str(ROOT / "ansible.cfg")},
        cwd=str(ROOT),
    )
    address = yaml.safe_load((OUTPUT / "mirror.yml").read_text())["http"]["addr"]
    (OUTPUT / "mirror.port").write_text(address.rpartition(":")[2])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
