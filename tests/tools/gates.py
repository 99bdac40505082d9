# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the gates one after the other, each into a log file of its own, and sum up.

    python -m tests.tools.gates lint unit       the gates of these groups, or single gates by name
    python -m tests.tools.gates all             everything, in the order from quick to slow

A gate that needs a program which this machine cannot have is skipped, and the summary says so.

A gate that fails does not stop the others: the summary at the end tells the whole story. The exit code is 0 only when
every gate passed. The scenarios, which wait for their hosts most of the time, run two at a time. The last line counts
tests: each test of pytest, and each gate that is not a run of pytest as one.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from threading import Lock
from xml.etree import ElementTree

from tests.lab import gotools
from tests.tools.environment import environment
from tests.tools.scenario import host_groups, scenarios
from tests.tools.stage import CACHE, ROOT

LOGS = CACHE / "test-logs"
TAIL_LINES = 40
CAUSE_LINES = 20
# How Ansible, pytest, molecule and ansible-test begin a line that says what failed.
CAUSE = re.compile(r"\[ERROR\]|fatal: |FAILED |E   |CRITICAL|ERROR: |FATAL: |lab: ")
MINUTE = 60.0
AT_A_TIME = 2
LONG = ("default", "mirror_fleet", "registry_operations", "registry")
"""The scenarios that take longest, in that order."""
REAL = "*/test_real_*.py"
"""Unit tests that want the registry's own programs, which the lab builds."""
REPORT = Lock()
RUNNING: set[subprocess.Popen[bytes]] = set()


@dataclass(frozen=True)
class Gate:
    """One check: its commands run in order until one fails.

    :ivar group: what `make` calls it.
    :ivar timeout: seconds for one command; then it is ended and the gate has failed.
    :ivar pytest: whether pytest runs in it, and leaves its counts in a JUnit file.
    :ivar cleanup: run after the gate has failed, whatever it left behind.
    :ivar beside: name of a stage whose gates may run beside each other; empty for a gate that runs alone.
    :ivar hosts: groups of the lab's hosts in it; some run programs that only a Go toolchain can provide.
    """

    name: str
    group: str
    commands: Sequence[Sequence[str]]
    timeout: float = 10 * MINUTE
    pytest: bool = False
    cleanup: Sequence[str] = ()
    beside: str = ""
    hosts: frozenset[str] = frozenset()


@dataclass
class Outcome:
    """What came of one gate."""

    gate: Gate
    ok: bool = False
    seconds: float = 0.0
    passed: int = 0
    failed: int = 0
    reason: str = field(default="")
    skipped: bool = False

    @property
    def log(self) -> Path:
        return LOGS / f"{self.gate.name}.log"


def python(*arguments: str) -> list[str]:
    return [sys.executable, *arguments]


def longest_first(names: Iterable[str]) -> list[str]:
    """The scenarios in an order in which none of the long ones runs alone at the end."""
    return sorted(names, key=lambda name: (LONG.index(name) if name in LONG else len(LONG), name))


def real_registries() -> list[str]:
    """The files of unit tests that run the registry's own programs."""
    return sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(f"tests/unit/**/{REAL[2:]}"))


def all_gates() -> list[Gate]:
    """Every gate, from quick to slow."""
    gates = [
        Gate("ruff", "lint", [["ruff", "check", "."]]),
        Gate("ruff-format", "lint", [["ruff", "format", "--check", "--diff", "."]]),
        Gate("yamllint", "lint", [["yamllint", "--strict", "."]]),
        Gate("mypy", "lint", [["mypy"], ["mypy", *map(str, sorted(ROOT.glob("roles/*/files/*.py")))]]),
        Gate("ansible-lint", "lint", [["ansible-lint", "--offline", "--profile", "production"]]),
        # Building the lab is mostly waiting for packages.
        Gate("lab", "lab", [python("-m", "tests.lab", "build")], timeout=20 * MINUTE, beside="checks"),
        Gate(
            "unit",
            "unit",
            [python("-m", "pytest", "--quiet", "-n", "2", f"--ignore-glob={REAL}")],
            pytest=True,
            beside="checks",
        ),
        Gate(
            "docs-lint",
            "docs-lint",
            [
                [
                    "antsibull-docs",
                    "lint-collection-docs",
                    "--plugin-docs",
                    "--validate-collection-refs=dependent",
                    ".",
                ],
                ["antsibull-changelog", "lint"],
                ["antsibull-changelog", "lint-changelog-yaml", "changelogs/changelog.yaml"],
            ],
            beside="checks",
        ),
        Gate("build", "build", [python("-m", "tests.tools.tarball")], beside="checks"),
        Gate("sanity", "sanity", [python("-m", "tests.tools.sanity")], timeout=15 * MINUTE, beside="checks"),
        Gate("real-registries", "registries", [python("-m", "pytest", "--quiet", *real_registries())], pytest=True),
    ]
    gates += [
        Gate(
            f"molecule-{name}",
            "molecule",
            [python("-m", "tests.tools.scenario", "test", name)],
            timeout=45 * MINUTE,
            pytest=True,
            cleanup=python("-m", "tests.tools.scenario", "destroy", name),
            beside="scenarios",
            hosts=host_groups(name),
        )
        for name in longest_first(scenarios())
    ]
    return gates


def select(names: Iterable[str]) -> list[Gate]:
    """The gates of these groups or names, in the order of :func:`all_gates`."""
    gates = all_gates()
    known = {gate.name for gate in gates} | {gate.group for gate in gates} | {"all"}
    wanted = set(names)
    unknown = sorted(wanted - known)
    if unknown or not wanted:
        raise SystemExit(f"gates: unknown: {', '.join(unknown) or '(none given)'}; known: {', '.join(sorted(known))}")
    return [gate for gate in gates if wanted & {gate.name, gate.group, "all"}]


def run_command(command: Sequence[str], log: Path, env: Mapping[str, str], timeout: float) -> str:
    """Run one command with its output in *log*; '' when it succeeded, else why not.

    It gets a process group of its own, so that the end of its time, or Ctrl-C, reaches everything it started.
    """
    with log.open("ab") as output:
        output.write(f"$ {' '.join(command)}\n".encode())
        output.flush()
        try:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        except OSError as error:
            return f"{command[0]}: {error.strerror}"
        RUNNING.add(process)
        try:
            code = process.wait(timeout)
        except subprocess.TimeoutExpired:
            end_group(process)
            return f"no end after {timeout:.0f} s: {command[0]}"
        finally:
            RUNNING.discard(process)
    return "" if code == 0 else f"exit code {code}: {Path(command[0]).name}"


def is_alive(group: int) -> bool:
    """Whether a process of this group runs; one that has ended and waits to be collected does not."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _parent, its_group = stat.read_text().rsplit(")", 1)[1].split()[:3]
        except OSError:
            continue  # It ended while we looked.
        if int(its_group) == group and state not in "ZX":
            return True
    return False


def end_group(process: subprocess.Popen[bytes]) -> None:
    """Ask a command and its children to end; insist when they do not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        deadline = time.monotonic() + 20
        while is_alive(process.pid) and time.monotonic() < deadline:
            time.sleep(0.1)
    process.wait()


def count(report: Path) -> tuple[int, int]:
    """(passed, failed) of a JUnit file; skipped tests are neither."""
    passed = failed = 0
    if report.exists():
        for suite in ElementTree.parse(report).getroot().iter("testsuite"):  # noqa: S314 - written by our own pytest
            bad = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
            failed += bad
            passed += int(suite.get("tests", 0)) - bad - int(suite.get("skipped", 0))
    return passed, failed


def run_gate(gate: Gate) -> Outcome:
    outcome = Outcome(gate)
    outcome.log.unlink(missing_ok=True)
    if missing := gotools.missing(set(gate.hosts)):
        outcome.ok = outcome.skipped = True
        outcome.reason = f"no Go toolchain to build {', '.join(missing)} with"
        return outcome
    report = LOGS / f"{gate.name}.xml"
    report.unlink(missing_ok=True)
    env = environment(os.environ)
    if gate.pytest:
        env["PYTEST_ADDOPTS"] = f"--junitxml={report}"
    start = time.monotonic()
    for command in gate.commands:
        outcome.reason = run_command(command, outcome.log, env, gate.timeout)
        if outcome.reason:
            break
    if gate.cleanup and outcome.reason:
        # A file of its own: the last lines of the gate's log are to be about its failure.
        run_command(gate.cleanup, LOGS / f"{gate.name}.cleanup.log", env, gate.timeout)
    outcome.seconds = time.monotonic() - start
    outcome.passed, outcome.failed = count(report) if gate.pytest else (0, 0)
    if gate.pytest and not outcome.reason and not outcome.passed:
        outcome.reason = "no test ran"
    outcome.ok = not outcome.reason
    if outcome.ok and not gate.pytest:
        outcome.passed = 1
    elif not outcome.ok:
        outcome.failed = max(outcome.failed, 1)
    return outcome


def describe(outcome: Outcome) -> str:
    verdict = "skip  " if outcome.skipped else "ok    " if outcome.ok else "FAILED"
    tests = f"  {outcome.passed} tests" if outcome.gate.pytest and outcome.ok and not outcome.skipped else ""
    return f"{verdict} {outcome.gate.name:<24} {outcome.seconds:7.1f} s{tests}"


def show_failure(outcome: Outcome) -> None:
    """The end of the log, and before that the lines that name a failure further up."""
    lines = outcome.log.read_text(errors="replace").splitlines() if outcome.log.exists() else []
    earlier, tail = lines[:-TAIL_LINES], lines[-TAIL_LINES:]
    for line in [line for line in earlier if CAUSE.match(line)][:CAUSE_LINES]:
        print(f"  ! {line[:400]}")
    for line in tail:
        print(f"    {line}")
    print(f"    ({outcome.reason}; all of it: {outcome.log.relative_to(ROOT)})", flush=True)


def run_gates(gates: Sequence[Gate], run: Callable[[Gate], Outcome] = run_gate) -> int:
    """Run *gates*, print a line for each, and the summary; the exit code for the process."""
    LOGS.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()

    def one(gate: Gate) -> Outcome:
        print(f"...    {gate.name}", flush=True)
        outcome = run(gate)
        with REPORT:
            print(describe(outcome), flush=True)
            if not outcome.ok:
                show_failure(outcome)
        return outcome

    outcomes: list[Outcome] = []
    for beside, group in groupby(gates, key=lambda gate: gate.beside):
        with ThreadPoolExecutor(AT_A_TIME if beside else 1) as pool:
            try:
                outcomes += pool.map(one, group)
            except KeyboardInterrupt:
                for process in [*RUNNING]:
                    end_group(process)
                raise
    failed = [outcome for outcome in outcomes if not outcome.ok]
    print(f"\nSummary: {len(outcomes) - len(failed)} of {len(outcomes)} gates ok, ", end="")
    print(f"{time.monotonic() - start:.0f} s in all; logs in {LOGS.relative_to(ROOT)}/")
    for outcome in outcomes:
        print(f"  {describe(outcome)}" + (f"  ({outcome.reason})" if outcome.reason else ""))
    tests_passed = sum(outcome.passed for outcome in outcomes)
    tests_failed = sum(outcome.failed for outcome in outcomes)
    skipped = sum(outcome.skipped for outcome in outcomes)
    print(f"\n{tests_passed} passed, {tests_failed} failed" + (f", {skipped} skipped" if skipped else ""), flush=True)
    return 1 if failed else 0


def main(arguments: list[str]) -> int:
    try:
        return run_gates(select(arguments))
    except KeyboardInterrupt:
        print("\ngates: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
