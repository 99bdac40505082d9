# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet of this scenario as its tests see it."""

from __future__ import annotations

from pathlib import Path

from tests.lab.playbooks import play
from tests.tools.ansible import Done

ROOT = Path(__file__).resolve().parents[3]
MIRROR = "mirror.example.test"
ACME = "acme.example.test"
CLIENT = "client1.example.test"


def converge(*options: str) -> Done:
    """Run this scenario's playbook again, as an operator would."""
    return play(str(Path(__file__).parents[1] / "converge.yml"), *options)
