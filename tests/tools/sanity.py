# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run `ansible-test sanity` on a copy of the checkout.

ansible-test wants a real directory .../ansible_collections/<namespace>/<name> (a link is refused), and fetches pip for
its own virtual environments as a script from a site of its own. Where only a package index can be reached that fails,
so the very pip it names is fetched from the index instead, with a stand-in for the script that installs it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.tools.stage import CACHE, copy_to

WORK = CACHE / "sanity"
HOME = WORK / "home"
TREE = WORK / "ansible_collections/dockmirror/fleet"

STAND_IN = """\
import subprocess
import sys

wheel = {wheel!r}
pip = [sys.executable, wheel + "/pip", "--disable-pip-version-check", "install", "--no-index", "--quiet", wheel]
sys.exit(subprocess.run(pip, check=False).returncode)
"""


def pip_version() -> str:
    """The version of pip that the installed ansible-test puts into its virtual environments."""
    spec = find_spec("ansible_test")
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit("sanity: ansible-test is not installed beside this Python: run `make setup`.")
    source = Path(spec.submodule_search_locations[0]) / "_internal/python_requirements.py"
    found = re.search(r"pip='([0-9.]+)'", source.read_text())
    if not found:
        raise SystemExit(f"sanity: {source} does not name its pip version where this tool expects it.")
    return found.group(1)


def provide_pip() -> None:
    """Put the stand-in where ansible-test looks before it downloads anything."""
    version = pip_version()
    cache = HOME / ".ansible/test/cache"
    cache.mkdir(parents=True, exist_ok=True)
    wheel = cache / f"pip-{version}-py3-none-any.whl"
    if not wheel.exists():
        download = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
        subprocess.run([*download, "--dest", str(cache), f"pip=={version}"], check=True)
    script = cache / f"get_pip_{version.replace('.', '_')}.py"
    script.write_text(STAND_IN.format(wheel=str(wheel)))


def main(arguments: list[str]) -> int:
    copy_to(TREE)
    # It asks git for the files: without a repository of its own, that of the checkout would say "all ignored".
    subprocess.run(["git", "init", "--quiet", str(TREE)], check=True)
    provide_pip()
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    command = ["ansible-test", "sanity", "--local", "--color", "no", "--python", python, *arguments]
    return subprocess.run(command, cwd=TREE, env={**os.environ, "HOME": str(HOME)}, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
