# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry's real programs as processes on loopback, for tests that need no host."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lab.mkimage import Image, Index, registry_tree
from tests.lab.registryimage import program


@contextlib.contextmanager
def registry(major: str, folder: Path, **more: Any) -> Iterator[int]:
    """Run that registry until the block ends; gives its port. Its configuration stays, see :func:`configuration`."""
    executable = program(major)
    if not executable.exists():
        pytest.skip(f"registry {major} was not built: run `python -m tests.lab build`")
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    settings = {
        "version": 0.1,
        "log": {"level": "error"},
        "storage": {"filesystem": {"rootdirectory": str(folder)}, "delete": {"enabled": True}},
        "http": {"addr": f"127.0.0.1:{port}", "relativeurls": True},
        **more,
    }
    config = configuration(folder)
    config.write_text(json.dumps(settings))
    process = subprocess.Popen(
        [str(executable), "serve", str(config)],
        env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait(lambda: process.poll() is None and not socket.socket().connect_ex(("127.0.0.1", port)))
        yield port
    finally:
        process.terminate()
        process.wait()


def fill(folder: Path, content: Iterable[Image | Index]) -> None:
    """Make *folder* the data of a registry that holds *content*."""
    for path, data in registry_tree(content).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)


def configuration(folder: Path) -> Path:
    """Where the configuration is of the registry whose data is in *folder*."""
    return folder.with_name(f"{folder.name}.yml")


def wait(condition: Any, seconds: float = 30) -> None:
    """Wait until it holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.01)
