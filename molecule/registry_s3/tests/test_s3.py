# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images on S3-compatible storage: pushed in parts, pulled, deleted and collected, with no secret left anywhere."""

from __future__ import annotations

import json
from typing import Any

from tests.lab import testing
from tests.lab.run import wait_until

from .conftest import BUCKET, PRIMARY, ask, pull, push

BLOBS = f"{BUCKET}/docker/registry/v2/blobs"
SECRET = "lab-secret-key"


def bytes_in_the_bucket(s3: Any) -> int:
    return int(s3.check_output(f"du -sb --apparent-size {BLOBS} 2>/dev/null | cut -f1") or 0)


def test_a_big_layer_is_sent_in_parts_and_comes_back_the_same(s3: Any, ci: Any, primary: Any) -> None:
    log = int(s3.check_output("wc -l < /var/log/s3.log"))
    digest = push(ci, "team/big:1", mib=40)
    asked = s3.check_output(f"tail -n +{log + 1} /var/log/s3.log")
    for operation in ("CreateMultipartUpload", "UploadPartCopy", "CompleteMultipartUpload"):
        assert operation in asked, asked[-3000:]
    assert pull(ci, f"{PRIMARY}/team/big@{digest}").succeeded
    assert bytes_in_the_bucket(s3) > 40 << 20
    # Nothing of it is on the registry's own disk.
    assert int(primary.check_output("du -sm /var/lib/dockmirror/registry | cut -f1")) < 5


def test_a_part_of_a_layer_can_be_asked_for(ci: Any) -> None:
    _status, manifest = ask(ci, PRIMARY, "/v2/team/big/manifests/1")
    layer = json.loads(manifest)["layers"][0]
    whole = ask(ci, PRIMARY, f"/v2/team/big/blobs/{layer['digest']}", "-r", "1000-1999", "-o", "/tmp/part")
    assert whole[0] == "206"
    assert ci.check_output("stat -c %s /tmp/part") == "1000"


def test_a_client_is_not_sent_to_the_storage(ci: Any) -> None:
    _status, manifest = ask(ci, PRIMARY, "/v2/team/big/manifests/1")
    digest = json.loads(manifest)["layers"][0]["digest"]
    assert ask(ci, PRIMARY, f"/v2/team/big/blobs/{digest}", "-o", "/dev/null")[0] == "200"


def test_what_is_deleted_is_collected_and_the_rest_stays(s3: Any, ci: Any, primary: Any) -> None:
    gone, kept = push(ci, "team/gone:1", mib=12), push(ci, "team/kept:1", mib=3)
    before = bytes_in_the_bucket(s3)
    assert ask(ci, PRIMARY, f"/v2/team/gone/manifests/{gone}", "-X", "DELETE")[0] == "202"
    primary.check_output("docker stop -t 20 dockmirror-registry")
    try:
        primary.check_output(
            "docker run --rm --network host --volumes-from dockmirror-registry "
            "$(docker inspect -f '{{.Config.Image}}' dockmirror-registry) garbage-collect /etc/dockmirror/config.yml"
        )
    finally:
        primary.check_output("docker start dockmirror-registry")
    wait_until(lambda: ask(ci, PRIMARY, "/v2/")[0] == "200", 30, "the registry's answer")
    assert before - bytes_in_the_bucket(s3) >= 12 << 20
    assert pull(ci, f"{PRIMARY}/team/kept@{kept}").succeeded
    assert pull(ci, f"{PRIMARY}/team/gone@{gone}").failed


def test_the_keys_are_where_root_alone_can_read_them(primary: Any) -> None:
    found = primary.run(f"grep -rl {SECRET} /etc/dockmirror /var/lib/dockmirror /var/log").stdout.split()
    folder = "/etc/dockmirror/registry/instance/registry"
    assert sorted(found) == [f"{folder}/config.yml", f"{folder}/read-only.yml"]
    assert set(primary.check_output(f"stat -c '%a %U' {' '.join(found)}").splitlines()) == {"600 root"}
    for command in ("ps -eo args", "docker inspect dockmirror-registry", "docker logs dockmirror-registry 2>&1"):
        assert SECRET not in primary.check_output(command)


def test_storage_that_is_down_is_an_error_and_no_empty_answer(ci: Any, s3: Any) -> None:
    digest = push(ci, "team/steady:1")
    with testing.stopped("s3.example.test", "s3"):
        status, _body = ask(ci, PRIMARY, f"/v2/team/steady/manifests/{digest}")
        assert status in ("500", "502", "503", "504")
    wait_until(lambda: pull(ci, f"{PRIMARY}/team/steady@{digest}").succeeded, 60, "a pull after the storage's return")
