# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A host with a private registry, without an engine: its containers are HTTP servers, and restic copies files."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import shutil
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from registry_maintenance.errors import MaintenanceError
from registry_maintenance.run import Done
from registry_maintenance.settings import Settings, parse

REPOSITORIES = "docker/registry/v2/repositories"
BLOBS = "docker/registry/v2/blobs/sha256"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Registry:
    """A registry's files, and as much of its API as the programs use."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def blob(self, data: bytes) -> str:
        address = digest(data)
        path = self.path(address)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return address

    def path(self, address: str) -> Path:
        value = address.partition(":")[2]
        return self.root / BLOBS / value[:2] / value / "data"

    def push(self, repository: str, tag: str, *layers: bytes) -> str:
        """Store an image; gives its digest."""
        described = [{"digest": self.blob(layer)} for layer in layers]
        document = {"config": {"digest": self.blob(b"{}")}, "layers": described}
        address = self.blob(json.dumps(document).encode())
        link = self.root / REPOSITORIES / repository / "_manifests/tags" / tag / "current/link"
        link.parent.mkdir(parents=True, exist_ok=True)
        link.write_text(address)
        revision = self.revision(repository, address)
        revision.parent.mkdir(parents=True, exist_ok=True)
        revision.write_text(address)
        return address

    def revision(self, repository: str, address: str) -> Path:
        """The link that makes a manifest one of the repository."""
        return self.root / REPOSITORIES / repository / "_manifests/revisions" / address.replace(":", "/") / "link"

    def answer(self, path: str) -> tuple[int, bytes, dict[str, str]]:
        path = path.partition("?")[0]
        if path == "/v2/":
            return 200, b"{}", {}
        if path == "/v2/_catalog":
            found = sorted(tags.parents[1] for tags in (self.root / REPOSITORIES).glob("**/_manifests/tags"))
            names = [name.relative_to(self.root / REPOSITORIES).as_posix() for name in found]
            return 200, json.dumps({"repositories": names}).encode(), {}
        repository, kind, name = path.removeprefix("/v2/").rsplit("/", 2)
        tags = self.root / REPOSITORIES / repository / "_manifests/tags"
        if kind == "tags":
            listed = sorted(tag.name for tag in tags.iterdir()) if tags.exists() else []
            return (200 if listed else 404), json.dumps({"tags": listed}).encode(), {}
        link = tags / name / "current/link"
        address = name if ":" in name else link.read_text() if link.exists() else ""
        if not address or not self.path(address).exists():
            return 404, b"{}", {}
        return 200, self.path(address).read_bytes(), {"Docker-Content-Digest": address}


class Host:
    """Settings and programs of one host below *root*. `run` takes the place of the real one."""

    def __init__(self, root: Path, **settings: Any) -> None:
        self.root = root
        self.data = root / "data"
        self.data.mkdir(parents=True)
        self.registry = Registry(self.data)
        self.commands: list[list[str]] = []
        self.environments: list[dict[str, str]] = []
        self.replies: dict[str, Done] = {}
        """What a command answers whose text contains the key."""
        self.collecting: Callable[[], None] = lambda: None
        """Called while a collection or the last snapshot is under way."""
        self._servers: dict[int, http.server.ThreadingHTTPServer] = {}
        self.port, self.stand_in_port = free_port(), free_port()
        (root / "etc").mkdir()
        (root / "etc/restic.json").write_text(json.dumps({"RESTIC_PASSWORD_FILE": "/x", "SECRET": "s3cret"}))
        self.document: dict[str, Any] = {
            "container": "dockmirror-registry",
            "instance_dir": str(root / "etc/instance"),
            "maintenance_dir": str(root / "etc/maintenance"),
            "data_dir": str(self.data),
            "storage": "filesystem",
            "address": f"127.0.0.1:{self.port}",
            "read_only_address": f"127.0.0.1:{self.stand_in_port}",
            "delete_untagged": False,
            "stop_timeout": 30,
            "state_dir": str(root / "state"),
            "lock_file": str(root / "lock"),
            "hold_file": str(root / "run/hold"),
            "backup": {
                "environment_file": str(root / "etc/restic.json"),
                "keep": {"daily": 7, "weekly": 4},
                "host": "registry.example.com",
                "configuration": [str(root / "etc")],
                "exclude": [str(root / "etc/maintenance")],
                "seeds": [str(root / "etc/users.json")],
                "check_subset": "2%",
            },
            **settings,
        }
        self.settings: Settings = parse(self.document)
        self.snapshots: list[dict[str, Any]] = []
        self._made = 0

    def run(self, arguments: list[str], environment: dict[str, str] | None = None, check: bool = True) -> Done:
        """Stand in for `registry_maintenance.run.run`."""
        command = list(arguments)
        self.commands.append(command)
        self.environments.append(environment or {})
        done = self._run(command)
        if check and done.code != 0:
            raise MaintenanceError(f"{' '.join(command)}: {done.errors}")
        return done

    def _run(self, command: list[str]) -> Done:
        text = " ".join(command)
        for key, reply in self.replies.items():
            if key in text:
                return reply
        if command[0] == "restic":
            return self._restic(command[1:])
        if "up --detach --force-recreate read-only" in text:
            self.start(self.stand_in_port)
        elif text.endswith("down --timeout 30"):
            self.stop(self.stand_in_port)
        elif text.startswith("docker stop"):
            self.stop(self.port)
        elif text.startswith("docker start") or text.endswith("instance/compose.yaml up --detach"):
            self.start(self.port)
        elif "garbage-collect" in text:
            self.collecting()
            return Done(0, "1 blobs marked, 0 blobs and 0 manifests eligible for deletion\n", "")
        return Done(0, "", "")

    def _restic(self, command: list[str]) -> Done:
        """As much of restic as is needed: a snapshot is a copy of the files."""
        kept = self.root / "repository"
        if command[0] == "backup":
            self._made += 1
            name = hashlib.sha256(str(self._made).encode()).hexdigest()
            for path in command[command.index("--") + 1 :]:
                target = kept / name / path.lstrip("/")
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copytree(path, target) if Path(path).is_dir() else shutil.copy(path, target)
            tag = command[command.index("--tag") + 1]
            self.snapshots.append({"id": name, "short_id": name[:8], "time": "2026-01-01T00:00:00Z", "tag": tag})
            if tag == "dockmirror-registry":
                self.collecting()
            summary = {"message_type": "summary", "snapshot_id": name, "total_files_processed": 3, "data_added": 5}
            return Done(0, json.dumps(summary), "")
        if command[0] == "snapshots":
            tag = command[command.index("--tag") + 1]
            return Done(0, json.dumps([found for found in self.snapshots if found["tag"] == tag]), "")
        if command[0] == "forget" and "--tag" not in command:
            self.snapshots = [found for found in self.snapshots if found["id"] not in command]
        if command[0] == "dump":
            return Done(0, (kept / command[1] / command[2].lstrip("/")).read_text(), "")
        if command[0] == "restore":
            target = Path(command[command.index("--target") + 1])
            for position, word in enumerate(command):
                if word == "--include" and (kept / command[1] / command[position + 1].lstrip("/")).exists():
                    self._copy(kept / command[1], command[position + 1].lstrip("/"), target)
        return Done(0, "", "")

    @staticmethod
    def _copy(snapshot: Path, path: str, target: Path) -> None:
        source, place = snapshot / path, target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place, dirs_exist_ok=True)
        else:
            shutil.copy(source, place)

    def start(self, port: int) -> None:
        """Let the registry answer on *port*, as its container would."""
        if port in self._servers:
            return
        registry = self.registry

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body, headers = registry.answer(self.path)
                self.send_response(status)
                for name, value in {"Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, *_arguments: Any) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", port), Handler)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        self._servers[port] = server

    def stop(self, port: int) -> None:
        """Refuse connections on *port*."""
        server = self._servers.pop(port, None)
        if server:
            server.shutdown()
            server.server_close()

    def close(self) -> None:
        """Stop all that was started."""
        for port in list(self._servers):
            self.stop(port)

    def answers(self, port: int) -> bool:
        """Whether somebody answers on *port*."""
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return True
        return False

    def normal(self) -> bool:
        """Whether the registry is in service as it should be at all times but those of a maintenance."""
        left = [self.settings.hold_file, self.settings.state_dir / "active"]
        return (
            self.answers(self.port) and not self.answers(self.stand_in_port) and not any(path.exists() for path in left)
        )
