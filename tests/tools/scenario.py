# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One action of molecule on one scenario, in the gates' environment: ``python -m tests.tools.scenario test default``.

By itself, molecule keeps what it knows of a running scenario in the user's home, under the name of the checkout's last
folder: two checkouts that are both called `main` would work on each other's hosts.
"""

from __future__ import annotations

import os
import sys

import yaml

from tests.tools.environment import environment
from tests.tools.stage import CACHE, ROOT


def scenarios() -> list[str]:
    """Names of all scenarios."""
    return sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))


def host_groups(scenario: str) -> frozenset[str]:
    """The groups of the hosts of a scenario."""
    document = yaml.safe_load((ROOT / "molecule" / scenario / "molecule.yml").read_text())
    return frozenset(group for host in document["platforms"] for group in host.get("groups", []))


def main(arguments: list[str]) -> None:
    """Become molecule."""
    if len(arguments) != 2 or arguments[1] not in scenarios():
        raise SystemExit(f"usage: python -m tests.tools.scenario ACTION {'|'.join(scenarios())}")
    action, name = arguments
    env = environment(os.environ)
    # By this the gates get the number of tests.
    env |= {name: value for name, value in os.environ.items() if name == "PYTEST_ADDOPTS"}
    env["MOLECULE_EPHEMERAL_DIRECTORY"] = str(CACHE / "molecule" / name)
    os.chdir(ROOT)
    os.execvpe("molecule", ["molecule", action, "--scenario-name", name], env)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1:])
