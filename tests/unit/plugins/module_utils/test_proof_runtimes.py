# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The proof's pull by containerd and by Podman, whose programs are played by scripts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.proof_runtimes import Containerd, Podman, RuntimeMissing
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_hosts import document

MIRROR = "https://mirror.example.com"
LABELS = {"io.dockmirror.served-by": "mirror.example.com"}
CTR = """\
case "$*" in
"plugins ls") echo "io.containerd.grpc.v1 cri linux/amd64 ok" ;;
*"content fetch"*) {fetch} ;;
*"images ls"*) echo "REF TYPE DIGEST"; echo "image type sha256:index 1 KiB" ;;
*"content get sha256:index") echo '{{"manifests":[{{"digest":"sha256:other"}},{{"digest":"sha256:mine"}}]}}' ;;
*"content get sha256:mine") echo '{{"config":{{"digest":"sha256:config"}}}}' ;;
*"content get sha256:config") echo '{{"config":{{"Labels":{labels}}}}}' ;;
*"content get"*) exit 1 ;;
esac
"""


class Programs:
    """A PATH of scripts; ``calls`` are the command lines that were run."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, name: str, script: str) -> None:
        path = self._folder / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >> {self._folder}/calls\n{script}\n')
        path.chmod(0o755)

    @property
    def calls(self) -> list[str]:
        return (self._folder / "calls").read_text().splitlines()


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:/bin:/usr/bin")
    monkeypatch.setattr(
        "ansible_collections.dockmirror.fleet.plugins.module_utils.containerd_service.SEARCH_PATH", str(tmp_path)
    )
    return Programs(tmp_path / "bin")


def test_containerd_by_ctr(tmp_path: Path, programs: Programs) -> None:
    programs.put("ctr", CTR.format(fetch=":", labels=json.dumps(LABELS)))
    runtime = Containerd(str(tmp_path))
    assert runtime.way == "ctr"
    pull = runtime.pull("ghcr.io", "nonce", 5)
    assert (pull.served_by, pull.error) == ("mirror.example.com", "")
    image = "ghcr.io/dockmirror/probe:nonce"
    assert f"ctr --namespace dockmirror-proof content fetch --hosts-dir {tmp_path} {image}" in programs.calls
    assert programs.calls[-2:] == [
        f"ctr --namespace dockmirror-proof images rm --sync {image}",
        "ctr namespaces rm dockmirror-proof",
    ]


def test_containerd_by_its_cri_where_crictl_is_there(tmp_path: Path, programs: Programs) -> None:
    programs.put("ctr", CTR.format(fetch="exit 1", labels="{}"))
    info = json.dumps({"info": {"imageSpec": {"config": {"Labels": LABELS}}}})
    programs.put("crictl", f"case \"$*\" in *inspecti*) echo '{info}' ;; esac")
    runtime = Containerd(str(tmp_path))
    assert runtime.way == "crictl"
    assert runtime.pull("docker.io", "nonce", 5).served_by == "mirror.example.com"
    assert programs.calls[-1].endswith(" rmi docker.io/dockmirror/probe:nonce")


def test_a_pull_that_fails_says_why(tmp_path: Path, programs: Programs) -> None:
    programs.put("ctr", CTR.format(fetch="echo 'ctr: not found' >&2; exit 1", labels="{}"))
    pull = Containerd(str(tmp_path)).pull("docker.io", "nonce", 5)
    assert (pull.served_by, pull.error) == (None, "ctr: not found")


def test_containerd_has_the_mirrors_of_its_hosts_files(tmp_path: Path, programs: Programs) -> None:
    programs.put("ctr", CTR.format(fetch=":", labels="{}"))
    (tmp_path / "ghcr.io").mkdir()
    (tmp_path / "ghcr.io" / "hosts.toml").write_text(document("ghcr.io", [MIRROR], "/ca.pem"))
    views = Containerd(str(tmp_path)).views(["ghcr.io", "quay.io"])
    assert views["ghcr.io"].mirrors == [MIRROR]
    assert views["ghcr.io"].trusted("", "mirror.example.com") == (str(tmp_path / "ghcr.io/hosts.toml"), ["/ca.pem"])
    assert views["quay.io"].mirrors == []


def test_podman(tmp_path: Path, programs: Programs) -> None:
    entry = {"Mirrors": [{"Location": "mirror.example.com/ghcr.io"}, {"Location": "b:80/ghcr.io", "Insecure": True}]}
    info = json.dumps({"registries": {"ghcr.io": entry, "search": ["docker.io"]}})
    image = json.dumps([{"Labels": LABELS}])
    programs.put("podman", f"case \"$*\" in info*) echo '{info}' ;; 'image inspect'*) echo '{image}' ;; esac")
    (tmp_path / "mirror.example.com").mkdir()
    (tmp_path / "mirror.example.com" / "dockmirror-ca.crt").touch()
    runtime = Podman(str(tmp_path))
    views = runtime.views(["ghcr.io", "quay.io"])
    assert views["ghcr.io"].mirrors == [MIRROR, "http://b:80"]
    assert [Path(path).name for path in views["ghcr.io"].trusted("", "mirror.example.com")[1]] == ["dockmirror-ca.crt"]
    assert views["quay.io"].mirrors == []
    assert runtime.pull("ghcr.io", "nonce", 5).served_by == "mirror.example.com"
    assert programs.calls[-1] == "podman image rm ghcr.io/dockmirror/probe:nonce"


def test_a_host_without_the_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(
        "ansible_collections.dockmirror.fleet.plugins.module_utils.containerd_service.SEARCH_PATH", str(tmp_path)
    )
    with pytest.raises(RuntimeMissing, match="ctr is not on this host"):
        Containerd(str(tmp_path))
    with pytest.raises(RuntimeMissing, match="Podman is not installed"):
        Podman(str(tmp_path))
