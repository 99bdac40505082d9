# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One value in containerd's config.toml, and nothing else of it."""

from __future__ import annotations

import tomllib

import pytest

from ansible_collections.dockmirror.fleet.plugins.module_utils.containerd_config import (
    CRI_V1,
    CRI_V2,
    IMAGES_V3,
    ConfigError,
    candidates,
    effective,
    new_file,
    value_text,
    with_config_path,
    without_config_path,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.toml_text import Path

CERTS = "/etc/containerd/certs.d"
DEBIAN = """\
version = 2

[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    [plugins."io.containerd.grpc.v1.cri".cni]
      bin_dir = "/usr/lib/cni" # ours
"""
WITH_TABLE = """\
version = 2
  [plugins."io.containerd.grpc.v1.cri".registry]
    # nothing here
\t\tconfig_path = ""
  [plugins."io.containerd.grpc.v1.cri".registry.headers]
    X-Meta = ["a"]
"""
EMPTY_TABLE = "[plugins.'io.containerd.grpc.v1.cri'.\"registry\"]  # here\n\n[other]\n"


def read(text: str, home: Path = CRI_V2) -> object:
    document = tomllib.loads(text)
    for part in (*home, "config_path"):
        document = document[part]
    return document


@pytest.mark.parametrize("text", ["", "version = 2", DEBIAN, WITH_TABLE, EMPTY_TABLE, DEBIAN.replace("\n", "\r\n")])
def test_the_value_is_set_and_every_line_that_was_there_stays(text: str) -> None:
    after = with_config_path(text, CRI_V2, CERTS)
    assert read(after) == CERTS
    old = [line for line in text.splitlines() if "config_path" not in line]
    assert [line for line in after.splitlines() if line in old][: len(old)] == old
    assert with_config_path(after, CRI_V2, CERTS) == after
    assert ("\r\n" in after) == ("\r\n" in text)
    assert "\n" not in after.replace("\r\n", "") or "\r\n" not in text


def test_an_existing_value_is_replaced_in_its_place() -> None:
    assert with_config_path(WITH_TABLE, CRI_V2, CERTS) == WITH_TABLE.replace('""', f'"{CERTS}"')


@pytest.mark.parametrize("text", ["", "version = 2\n", DEBIAN, WITH_TABLE, EMPTY_TABLE, DEBIAN.replace("\n", "\r\n")])
@pytest.mark.parametrize("added", ["", "# somebody was here\n[debug]\nlevel = 'info'\n"])
def test_it_comes_out_again_also_after_others_changed_the_file(text: str, added: str) -> None:
    before = value_text(text, CRI_V2)
    after = with_config_path(text, CRI_V2, CERTS)
    assert without_config_path(after, CRI_V2, CERTS, before) == text
    without = without_config_path(after + added, CRI_V2, CERTS, before)
    assert CERTS not in without
    assert tomllib.loads(without)["debug" if added else "plugins" if "plugins" in text else "version"] if text else True


def test_what_others_made_of_the_value_stays() -> None:
    theirs = with_config_path(DEBIAN, CRI_V2, "/etc/mine")
    assert without_config_path(theirs, CRI_V2, CERTS, None) == theirs


def test_a_table_that_got_more_keys_meanwhile_keeps_them() -> None:
    after = with_config_path(DEBIAN, CRI_V2, CERTS) + '  extra = "x"\n'
    without = without_config_path(after, CRI_V2, CERTS, None)
    assert tomllib.loads(without)["plugins"][CRI_V2[1]]["registry"] == {"extra": "x"}


@pytest.mark.parametrize(
    "text",
    [
        "plugins = { }\n",
        '[plugins."io.containerd.grpc.v1.cri"]\nregistry = { headers = {} }\n',
        '[plugins."io.containerd.grpc.v1.cri"]\nregistry.headers = {}\n',
        "[[plugins]]\n",
    ],
)
def test_a_file_to_which_nothing_can_be_added_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        with_config_path(text, CRI_V2, CERTS)


def test_what_is_not_toml_is_refused() -> None:
    with pytest.raises(ConfigError, match="line 1: = is missing"):
        with_config_path("hello", CRI_V2, CERTS)


@pytest.mark.parametrize(
    ("text", "homes"),
    [
        ("", [CRI_V1, CRI_V2]),
        ("version = 1", [CRI_V1, CRI_V2]),
        ("version = 2", [CRI_V2]),
        ("version = 3", [IMAGES_V3]),
    ],
)
def test_where_the_value_belongs_by_the_version_of_the_file(text: str, homes: list[Path]) -> None:
    assert candidates(text) == homes


@pytest.mark.parametrize(("version", "home"), [(2, CRI_V2), (3, IMAGES_V3)])
def test_a_new_file(version: int, home: Path) -> None:
    text = new_file(version, CERTS)
    assert tomllib.loads(text)["version"] == version
    assert read(text, home) == CERTS


def test_a_dump_of_containerd_1() -> None:
    dump = """\
disabled_plugins = []
version = 2
[plugins]
  [plugins."io.containerd.grpc.v1.cri"]
    [plugins."io.containerd.grpc.v1.cri".registry]
      config_path = "/a:/b"
      [plugins."io.containerd.grpc.v1.cri".registry.configs]
        [plugins."io.containerd.grpc.v1.cri".registry.configs."r.example.com".tls]
      [plugins."io.containerd.grpc.v1.cri".registry.mirrors]
        [plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]
          endpoint = ["https://x"]
  [plugins."io.containerd.transfer.v1.local"]
    config_path = "/not/this"
"""
    assert effective(dump) == (2, True, ["/a", "/b"], ["docker.io", "r.example.com"])


def test_a_dump_of_containerd_2_with_cri_switched_off() -> None:
    dump = """\
version = 3
disabled_plugins = ['io.containerd.grpc.v1.cri']
[plugins.'io.containerd.cri.v1.images'.registry]
  config_path = ''
[plugins.'io.containerd.grpc.v1.cri']
  stream_server_port = '0'
"""
    assert effective(dump) == (3, False, [], [])
