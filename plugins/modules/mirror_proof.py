#!/usr/bin/python
# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: mirror_proof
short_description: Prove that a Docker Engine pulls through a mirror of the fleet
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Pulls the image C(dockmirror/probe) under a tag that was never used before, through the host's own Docker Engine,
    reads from its label which mirror served it, and removes it.
  - Only mirrors of this collection have that image. C(docker info) proves nothing, since an engine falls back to
    Docker Hub silently when a mirror does not work.
  - Fails when no mirror served the image, and says why. The engine's own error is about Docker Hub then, so the module
    walks the way to each mirror itself, with the CA certificates that this engine uses.
  - Needs nothing but Python on the host.
options:
  expected:
    description:
      - Names of the mirrors that may answer (their C(gateway_server_name)). Any mirror may if this is empty.
    type: list
    elements: str
    default: []
  mirrors:
    description:
      - URLs of the mirrors that the host is to have, in its order. Used to tell a wrong list of mirrors from a mirror
        that does not work, and to warn when the first one did not answer.
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
      - The directory in which dockerd looks for certificates.
    type: path
    default: /etc/docker/certs.d
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
served_by:
  description: Name of the mirror that served the probe image.
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
  returned: when the engine was reached
  type: str
  sample: graphdriver
engine_version:
  description: The engine's version.
  returned: when the engine was reached
  type: str
  sample: 26.1.5
cause:
  description:
    - V(ok), or in one word what is wrong.
    - V(no_engine) no Docker Engine answers on the host.
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

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dockmirror.fleet.plugins.module_utils.engine_api import EngineApi, EngineError
from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_diagnosis import engine_view
from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_proof import judge, pull_probe


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "expected": {"type": "list", "elements": "str", "default": []},
            "mirrors": {"type": "list", "elements": "str", "default": []},
            "client": {"type": "str"},
            "timeout": {"type": "float", "default": 60},
            "diagnosis_timeout": {"type": "float", "default": 5},
            "certs_dir": {"type": "path", "default": "/etc/docker/certs.d"},
            "docker_socket": {"type": "path", "default": "/var/run/docker.sock"},
        },
        supports_check_mode=True,
    )
    client = module.params["client"] or socket.gethostname()
    api = EngineApi(module.params["docker_socket"])
    tag = uuid.uuid4().hex
    try:
        engine = engine_view(api.get_json("/info"))
        pull = pull_probe(api, tag, module.params["timeout"])
    except EngineError as error:
        module.fail_json(
            cause="no_engine",
            msg=f"{client}: the Docker Engine does not work as it should: {error}. Check the docker service of "
            "this host (systemctl status docker).",
        )
    verdict = judge(
        pull,
        engine,
        module.params["mirrors"],
        module.params["expected"],
        module.params["certs_dir"],
        tag,
        module.params["diagnosis_timeout"],
    )
    if verdict.warning:
        module.warn(f"{client}: {verdict.warning}")
    result = {
        "changed": False,
        "cause": verdict.cause,
        "elapsed_ms": pull.elapsed_ms,
        "mirrors": engine.mirrors,
        "image_store": engine.image_store,
        "engine_version": engine.version,
        "findings": [finding._asdict() for finding in verdict.findings],
        "pull_error": pull.error,
    }
    if verdict.cause != "ok":
        module.fail_json(msg=f"{client} does not pull through a mirror of the fleet. {verdict.message}", **result)
    module.exit_json(msg=f"{client}: {verdict.message}", served_by=pull.served_by, **result)


if __name__ == "__main__":
    main()
