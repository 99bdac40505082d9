#!/usr/bin/python
# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: mirror_proof
short_description: Prove that a container runtime pulls through a mirror of the fleet
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Pulls the image C(dockmirror/probe) under a tag that was never used before, through the host's own Docker Engine,
    containerd or Podman, reads from its label which mirror served it, and removes it.
  - Only mirrors of this collection have that image. C(docker info) proves nothing, since an engine falls back to
    Docker Hub silently when a mirror does not work.
  - Fails when no mirror served the image, and says why. The engine's own error is about Docker Hub then, so the module
    walks the way to each mirror itself, with the CA certificates that this engine uses.
  - Needs nothing but Python on the host.
options:
  runtime:
    description:
      - Which container runtime of the host is to be proven.
      - V(containerd) is asked by its CRI, as Kubernetes does, where that is on and C(crictl) is installed, else by
        C(ctr) with the files of O(certs_dir).
    type: str
    choices: [docker, containerd, podman]
    default: docker
  registries:
    description:
      - The registries that are to be proven, with the mirrors that the host is to have for each.
      - Of a Docker Engine Docker Hub is proven in any case, and another registry only where the engine can have mirrors
        for it (docs/facts.md D12).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The registry as it stands in image names.
        type: str
        required: true
      mirrors:
        description: URLs of its mirrors in the host's order.
        type: list
        elements: str
        default: []
  expected:
    description:
      - Names of the mirrors that may answer (their C(gateway_server_name)). Any mirror may if this is empty.
    type: list
    elements: str
    default: []
  mirrors:
    description:
      - URLs of the mirrors of Docker Hub that a Docker Engine is to have, in its order. Used to tell a wrong list of
        mirrors from a mirror that does not work, and to warn when the first one did not answer.
    type: list
    elements: str
    default: []
  client:
    description:
      - The host's name in messages.
      - By default its own host name.
    type: str
  timeout:
    description:
      - Seconds to wait for the pull. An engine needs up to 15 seconds (graphdriver store) or 30 seconds for each
        object (containerd store) to give up a mirror that does not answer at all (docs/facts.md D9).
    type: float
    default: 60
  diagnosis_timeout:
    description:
      - Seconds for each of the three steps of the diagnosis of a mirror. Mirrors are examined at the same time.
    type: float
    default: 5
  certs_dir:
    description:
      - The directory in which the runtime looks for certificates and C(hosts.toml) files.
      - By default C(/etc/docker/certs.d), C(/etc/containerd/certs.d) or C(/etc/containers/certs.d).
    type: path
  docker_socket:
    description:
      - The unix socket of the Docker Engine.
    type: path
    default: /var/run/docker.sock
attributes:
  check_mode:
    support: full
    description: Does the same in check mode; what it pulls it removes again, so nothing changes on the host.
  diff_mode:
    support: none
    description: There is nothing to show, the module never changes anything.
  idempotent:
    support: full
    description: Never reports a change.
"""

EXAMPLES = r"""
- name: Prove that pulls of this host go through a mirror
  dockmirror.fleet.mirror_proof:
    expected: [mirror1.example.com, mirror2.example.com]
    mirrors: ["https://mirror2.example.com", "https://mirror1.example.com"]
  register: proof

- name: Tell which mirror it was
  ansible.builtin.debug:
    msg: "{{ proof.served_by }} in {{ proof.elapsed_ms }} ms"
"""

RETURN = r"""
registries:
  description: What came of each registry.
  returned: when the runtime was reached
  type: list
  elements: dict
  contains:
    name:
      description: The registry.
      type: str
      sample: ghcr.io
    served_by:
      description: Name of the mirror that served its probe image, null where none did.
      type: str
      sample: mirror2.example.com
    elapsed_ms:
      description: Time of the pull in milliseconds.
      type: int
      sample: 211
    cause:
      description: As RV(cause), for this registry.
      type: str
      sample: ok
way:
  description: The program by which containerd was asked, C(crictl) or C(ctr).
  returned: for containerd
  type: str
  sample: crictl
served_by:
  description: Name of the mirror that served the probe image; of the first registry, if there are several.
  returned: success
  type: str
  sample: mirror2.example.com
elapsed_ms:
  description: Time of the pull in milliseconds.
  returned: when the engine was reached
  type: int
  sample: 183
mirrors:
  description: Registry mirrors of the running daemon, in order.
  returned: when the engine was reached
  type: list
  elements: str
  sample: ["https://mirror2.example.com/", "https://mirror1.example.com/"]
image_store:
  description: The engine's image store, C(graphdriver) or C(containerd).
  returned: for a Docker Engine
  type: str
  sample: graphdriver
engine_version:
  description: The engine's version.
  returned: for a Docker Engine
  type: str
  sample: 26.1.5
cause:
  description:
    - V(ok), or in one word what is wrong.
    - V(no_engine) no Docker Engine, containerd or Podman answers on the host.
    - V(no_mirror) the running daemon has no mirror. V(other_mirrors) it has none of O(mirrors).
    - V(foreign_mirror) the mirror that answered is not in O(expected).
    - V(url), V(name_resolution), V(connection_refused), V(connection_timeout), V(unreachable) no connection to the
      mirror.
    - V(ca_unreadable), V(certificate_untrusted), V(certificate_expired), V(certificate_not_yet_valid),
      V(certificate_name), V(tls_protocol), V(tls_timeout) no TLS.
    - V(forbidden) the mirror's allow-list. V(unauthorized), V(no_probe), V(not_a_gateway), V(server_error),
      V(answer_timeout), V(answer_broken) other answers of the mirror.
    - V(proxy) the mirror works, but the daemon asks it through a proxy. V(engine) the mirror works, but the engine
      does not get the image.
  returned: always
  type: str
  sample: ok
findings:
  description: What was found out about each mirror that was examined.
  returned: when the engine was reached
  type: list
  elements: dict
  contains:
    url:
      description: The mirror.
      type: str
      sample: "https://mirror1.example.com/"
    cause:
      description: As RV(cause), for this mirror.
      type: str
      sample: certificate_untrusted
    detail:
      description: What was seen.
      type: str
      sample: the name mirror1.example.com does not resolve on this host (Name or service not known)
    remedy:
      description: What to do.
      type: str
      sample: Run the onboard playbook
pull_error:
  description: The engine's own error. After a silent fallback it is about Docker Hub.
  returned: when the engine was reached
  type: str
  sample: ""
"""

import socket
import uuid
from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dockmirror.fleet.plugins.module_utils.engine_api import EngineError
from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_diagnosis import View
from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_proof import DOCKER_HUB, Pull, Verdict, judge
from ansible_collections.dockmirror.fleet.plugins.module_utils.proof_runtimes import (
    Containerd,
    Docker,
    Podman,
    RuntimeMissing,
)

CERTS_DIRS = {
    "docker": "/etc/docker/certs.d",
    "containerd": "/etc/containerd/certs.d",
    "podman": "/etc/containers/certs.d",
}


def main() -> None:
    registry = {
        "name": {"type": "str", "required": True},
        "mirrors": {"type": "list", "elements": "str", "default": []},
    }
    module = AnsibleModule(
        argument_spec={
            "runtime": {"type": "str", "choices": ["docker", "containerd", "podman"], "default": "docker"},
            "registries": {"type": "list", "elements": "dict", "default": [], "options": registry},
            "expected": {"type": "list", "elements": "str", "default": []},
            "mirrors": {"type": "list", "elements": "str", "default": []},
            "client": {"type": "str"},
            "timeout": {"type": "float", "default": 60},
            "diagnosis_timeout": {"type": "float", "default": 5},
            "certs_dir": {"type": "path"},
            "docker_socket": {"type": "path", "default": "/var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    client = module.params["client"] or socket.gethostname()
    wanted = {item["name"]: item["mirrors"] for item in module.params["registries"]}
    certs_dir = module.params["certs_dir"] or CERTS_DIRS[module.params["runtime"]]
    outcomes: list[tuple[str, View, Pull, Verdict]] = []
    facts: dict[str, Any] = {}
    try:
        if module.params["runtime"] == "docker":
            docker = Docker(module.params["docker_socket"], certs_dir)
            wanted[DOCKER_HUB] = module.params["mirrors"]
            facts = {"image_store": docker.engine.image_store, "engine_version": docker.engine.version}
            runtime: Docker | Containerd | Podman = docker
        elif module.params["runtime"] == "containerd":
            runtime = Containerd(certs_dir)
            facts = {"way": runtime.way}
        else:
            runtime = Podman(certs_dir)
        for name, view in runtime.views(list(wanted)).items():
            tag = uuid.uuid4().hex
            pull = runtime.pull(name, tag, module.params["timeout"])
            verdict = judge(
                pull,
                view,
                wanted.get(name, []),
                module.params["expected"],
                certs_dir,
                tag,
                module.params["diagnosis_timeout"],
            )
            outcomes.append((name, view, pull, verdict))
    except EngineError as error:
        module.fail_json(
            cause="no_engine",
            msg=f"{client}: the Docker Engine does not work as it should: {error}. Check the docker service of "
            "this host (systemctl status docker).",
        )
    except RuntimeMissing as error:
        module.fail_json(cause="no_engine", msg=f"{client}: {error}.")
    if not outcomes:
        module.fail_json(cause="no_mirror", msg=f"{client}: there is no registry to prove: registries is empty.")
    for name, _view, _pull, verdict in outcomes:
        if verdict.warning:
            module.warn(f"{client}: {_of(name)}{verdict.warning}")
    failed = [outcome for outcome in outcomes if outcome[3].cause != "ok"]
    name, view, pull, verdict = (failed or outcomes)[0]
    result = {
        "changed": False,
        "cause": verdict.cause,
        "elapsed_ms": pull.elapsed_ms,
        "mirrors": view.mirrors,
        "findings": [finding._asdict() for finding in verdict.findings],
        "pull_error": pull.error,
        "registries": [
            {"name": which, "served_by": done.served_by, "elapsed_ms": done.elapsed_ms, "cause": judged.cause}
            for which, _view, done, judged in outcomes
        ],
        **facts,
    }
    if failed:
        module.fail_json(
            msg=f"{client} does not pull through a mirror of the fleet. {_of(name)}{verdict.message}", **result
        )
    module.exit_json(msg=f"{client}: {verdict.message}", served_by=pull.served_by, **result)


def _of(registry: str) -> str:
    """The registry in front of a sentence, where it is not the one of which everybody thinks."""
    return "" if registry == DOCKER_HUB else f"{registry}: "


if __name__ == "__main__":
    main()
