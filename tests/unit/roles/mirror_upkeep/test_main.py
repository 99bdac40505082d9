# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The program as the units and an operator call it."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from mirror_upkeep.__main__ import main
from mirror_upkeep.settings import Settings

from .conftest import Registry

NAME = "docker.io/team/app"


@pytest.fixture
def file(settings: Settings, tmp_path: Path) -> str:
    """The settings as the role writes them."""
    document = {
        "state_dir": str(settings.state_dir),
        "gateway": settings.gateway._asdict(),
        "upstreams": [
            {name: str(value) if isinstance(value, Path) else value for name, value in upstream._asdict().items()}
            for upstream in settings.upstreams
        ],
        "prefetch": [
            {
                "upstream": "docker.io",
                "repository": "team/app",
                "tags": ["1"],
                "newest": 3,
                "platforms": ["linux/amd64"],
            }
        ],
        "reserve_percent": 50,
    }
    path = tmp_path / "settings.json"
    path.write_text(json.dumps(document))
    return str(path)


def test_limits_are_printed(registry: Registry, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    registry.put("/v2/team/app/manifests/1", b"{}", {"ratelimit-limit": "10", "ratelimit-remaining": "9"})
    assert main(["--settings", file, "limits"]) == 0
    assert json.loads(capsys.readouterr().out)["docker.io"]["remaining"] == 9


def test_prefetch_says_what_it_did(registry: Registry, file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--settings", file, "prefetch"]) == 1
    assert "0 warm, 0 postponed, 1 failed" in capsys.readouterr().err
    registry.tag(NAME, "1", registry.image(NAME, b"layer"))
    assert main(["--settings", file, "prefetch"]) == 0
    assert f"{NAME}:1 warm, 12 bytes" in capsys.readouterr().err


@pytest.mark.parametrize("text", ["", "{}", '{"state_dir": 1}'])
def test_settings_that_cannot_be_used(tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "settings.json"
    if text:
        path.write_text(text)
    assert main(["--settings", str(path), "limits"]) == 2
    assert "Run the playbook mirror again." in capsys.readouterr().err


def test_images_in_a_file(
    registry: Registry,
    file: str,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    registry.tag(NAME, "1", registry.image(NAME, b"layer"))
    images = str(tmp_path / "images.tar")
    assert main(["--settings", file, "export", images]) == 0
    listed = capsys.readouterr().out

    def missing() -> list[str]:
        monkeypatch.setattr("sys.stdin", io.StringIO(listed))
        assert main(["--settings", file, "missing"]) == 0
        names: list[str] = json.loads(capsys.readouterr().out)
        return names

    assert missing() == [f"{NAME}:1"]
    assert main(["--settings", file, "load", images]) == 0
    assert json.loads(capsys.readouterr().out) == [f"{NAME}:1"]
    assert missing() == []


@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_what_is_no_list_of_images(
    file: str, text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    assert main(["--settings", file, "missing"]) == 2
    assert capsys.readouterr().out == ""
