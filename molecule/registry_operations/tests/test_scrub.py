# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A private registry reports what is damaged until it is right again, and a push can make it so."""

from __future__ import annotations

import json
from typing import Any

from tests.lab.registry_fleet import image

DATA = "/var/lib/dockmirror/registry"
UNIT = "dockmirror-registry-scrub"


def result(server: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(server.check_output("cat /var/lib/dockmirror/registry-scrub/result.json"))
    return found


def test_a_damaged_layer_is_reported_and_pushed_again(server: Any, ci: Any) -> None:
    assert server.check_output(f"systemctl is-active {UNIT}.timer") == "active"
    server.check_output("dockmirror-registry-scrub all")
    name = image(ci, "team/scrubbed:1", kib=2048)
    ci.check_output(f"docker push -q {name}")
    path = server.check_output(f"find {DATA}/docker/registry/v2/blobs -name data -size +2000k -mmin -1 | tail -1")
    digest = f"sha256:{path.split('/')[-2]}"
    content = server.check_output(f"sha256sum {path}").split()[0]
    assert f"sha256:{content}" == digest
    server.check_output(f"printf X | dd of={path} bs=1 seek=1000 conv=notrunc")

    assert server.run(f"systemctl start {UNIT}").failed
    log = server.check_output(f"journalctl --unit {UNIT} --output cat")
    assert f"ERROR: private registry: {digest} is damaged" in log
    assert "Repositories: team/scrubbed." in log
    assert result(server)["ok"] is False
    assert list(result(server)["stores"]["private registry"]["damaged"]) == [digest]
    assert server.file(path).exists, "it exists nowhere else"

    assert server.check_output(f"dockmirror-registry-scrub set-aside {digest}") == "team/scrubbed"
    ci.check_output(f"docker push -q {name}")
    server.check_output(f"systemctl start {UNIT}")
    assert result(server)["ok"] is True
    ci.check_output(f"docker image rm {name} && docker pull -q {name}")
