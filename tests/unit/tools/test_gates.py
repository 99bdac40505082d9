# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The runner of the gates must never say that all is well when it is not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.tools import gates
from tests.tools.gates import Gate


@pytest.fixture(autouse=True)
def logs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(gates, "LOGS", tmp_path)
    monkeypatch.setattr(gates, "ROOT", tmp_path)
    return tmp_path


def script(code: str) -> list[str]:
    return [sys.executable, "-c", code]


GOOD = Gate("good", "any", [script("print('fine')")])
BAD = Gate("bad", "any", [script("print('the cause'); raise SystemExit(3)"), script("print('not reached')")])


def test_all_good(capsys: pytest.CaptureFixture[str]) -> None:
    assert gates.run_gates([GOOD, GOOD]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "2 passed, 0 failed"


def test_a_failed_gate_shows_its_cause_and_does_not_stop_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    assert gates.run_gates([BAD, GOOD]) == 1
    shown = capsys.readouterr().out
    assert "    the cause" in shown.splitlines()
    assert "not reached" not in shown.splitlines()
    assert "FAILED bad" in shown
    assert "(exit code 3" in shown
    assert shown.splitlines()[-1] == "1 passed, 1 failed"


def test_gates_that_may_run_beside_others_do_and_all_are_reported_in_order(
    logs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    meet = """
import pathlib, time
pathlib.Path({here!r}).touch()
while not pathlib.Path({there!r}).exists():
    time.sleep(0.01)
"""
    one, two = str(logs / "one"), str(logs / "two")
    pair = [
        Gate("one", "any", [script(meet.format(here=one, there=two))], timeout=20, beside="pair"),
        Gate("two", "any", [script(meet.format(here=two, there=one))], timeout=20, beside="pair"),
    ]
    assert gates.run_gates([GOOD, *pair, BAD]) == 1
    shown = capsys.readouterr().out
    summary = shown[shown.index("Summary") :].splitlines()[1:5]
    assert [line.split()[1] for line in summary] == ["good", "one", "two", "bad"]


def test_a_stage_waits_for_the_one_before_it(logs: Path) -> None:
    """Scenarios need the lab, although both may run beside others."""
    built = str(logs / "built")
    first = script(f"import pathlib, time; time.sleep(0.5); pathlib.Path({built!r}).touch()")
    second = script(f"import pathlib; raise SystemExit(not pathlib.Path({built!r}).exists())")
    assert gates.run_gates([Gate("lab", "any", [first], beside="a"), Gate("use", "any", [second], beside="b")]) == 0


def test_a_cause_that_is_far_above_the_end_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    code = "print('fatal: [host]: the cause'); print('clearing up\\n' * 500); raise SystemExit(1)"
    gates.run_gates([Gate("long", "any", [script(code)])])
    shown = capsys.readouterr().out.splitlines()
    assert "  ! fatal: [host]: the cause" in shown
    assert shown.count("    clearing up") < 50


def test_a_command_that_does_not_exist_is_a_failure() -> None:
    outcome = gates.run_gate(Gate("none", "any", [["dockmirror-no-such-command"]]))
    assert not outcome.ok
    assert "dockmirror-no-such-command" in outcome.reason


def test_a_gate_that_does_not_end_is_ended_with_its_children(logs: Path) -> None:
    pid = logs / "pid"
    child = (
        f"import subprocess; p = subprocess.Popen(['sleep', '60']); open({str(pid)!r}, 'w').write(str(p.pid)); p.wait()"
    )
    start = time.monotonic()
    outcome = gates.run_gate(Gate("slow", "any", [script(child)], timeout=2))
    assert not outcome.ok
    assert outcome.reason.startswith("no end after 2 s")
    assert time.monotonic() - start < 30
    state = Path(f"/proc/{pid.read_text()}/stat")
    assert not state.exists() or state.read_text().rsplit(")", 1)[1].split()[0] == "Z"


def test_an_interrupt_ends_what_runs_and_clears_up_after_it(logs: Path) -> None:
    started, cleared = logs / "started", logs / "cleared"
    slow = script(f"import pathlib, time; pathlib.Path({str(started)!r}).touch(); time.sleep(60)")
    cleanup = script(f"import pathlib; pathlib.Path({str(cleared)!r}).touch()")
    code = f"""
import pathlib, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests in the background ignores it
sys.path.insert(0, {str(Path(__file__).resolve().parents[3])!r})
from tests.tools import gates
gates.LOGS = gates.ROOT = pathlib.Path({str(logs)!r})
gates.all_gates = lambda: [gates.Gate("slow", "any", [{slow!r}], cleanup={cleanup!r})]
sys.exit(gates.main(["slow"]))
"""
    process = subprocess.Popen(script(code))
    while not started.exists():
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    assert process.wait(40) == 130
    assert cleared.exists()


def test_cleanup_runs_after_a_failure_only(logs: Path) -> None:
    mark = script(f"open({str(logs / 'mark')!r}, 'w')")
    gates.run_gate(Gate("good", "any", GOOD.commands, cleanup=mark))
    assert not (logs / "mark").exists()
    gates.run_gate(Gate("bad", "any", BAD.commands, cleanup=mark))
    assert (logs / "mark").exists()


def test_a_gate_whose_program_cannot_be_had_is_skipped_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(gates.gotools, "possible", lambda _name: False)
    needy = Gate("needy", "any", BAD.commands, pytest=True, hosts=frozenset({"acme", "mirrors"}))
    assert gates.run_gates([GOOD, needy]) == 0
    shown = capsys.readouterr().out
    assert "skip   needy" in shown
    assert "no Go toolchain to build pebble with" in shown
    assert "the cause" not in shown
    assert shown.splitlines()[-1] == "1 passed, 0 failed, 1 skipped"


def test_tests_are_counted(logs: Path) -> None:
    report = """<testsuites><testsuite tests="7" failures="1" errors="1" skipped="2"/></testsuites>"""
    write = script(f"import os; f = os.environ['PYTEST_ADDOPTS'].split('=')[1]; open(f, 'w').write({report!r})")
    outcome = gates.run_gate(Gate("some", "any", [write, script("raise SystemExit(1)")], pytest=True))
    assert (outcome.passed, outcome.failed, outcome.ok) == (3, 2, False)


def test_a_run_of_pytest_without_a_test_is_a_failure(logs: Path) -> None:
    (logs / "some.xml").write_text("""<testsuite tests="7"/>""")
    outcome = gates.run_gate(Gate("some", "any", GOOD.commands, pytest=True))
    assert (outcome.ok, outcome.reason, outcome.failed) == (False, "no test ran", 1)


def test_gates_are_chosen_by_group_and_by_name() -> None:
    assert {gate.group for gate in gates.select(["lint"])} == {"lint"}
    assert [gate.name for gate in gates.select(["unit", "mypy"])] == ["mypy", "unit"]
    assert gates.select(["all"]) == gates.all_gates()
    with pytest.raises(SystemExit, match="unknown: nothing-such"):
        gates.select(["lint", "nothing-such"])
