#!/usr/bin/python
# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: registry_hosts
short_description: Give containerd, or a Docker Engine on it, mirrors for registries
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Writes C(certs.d/<registry>/hosts.toml) for each registry, with the mirrors in order, the CA of their certificates,
    and the registry itself as the last resort. Takes away what is no longer asked for.
  - Files that somebody else wrote are left alone, and a warning names them.
  - No reload and no restart is needed; the files are read on each pull. containerd's CRI reads them only where its
    C(config_path) says so, see M(dockmirror.fleet.containerd_config).
  - TLS verification is never switched off.
options:
  state:
    description:
      - V(present) makes the given registries the only ones with a file of this module.
      - V(absent) removes every file of this module, and the directories that are empty then.
    type: str
    choices: [present, absent]
    default: present
  registries:
    description:
      - The registries and their mirrors.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The registry as it stands in image names, such as V(docker.io) or V(ghcr.io).
        type: str
        required: true
      mirrors:
        description: URLs of its mirrors, in the order in which they are to be asked.
        type: list
        elements: str
        required: true
  ca_certificate:
    description:
      - One or more certificates in PEM format that are to be trusted for the mirrors, besides those of the system.
      - A private key in it is refused.
    type: str
  path:
    description:
      - The directory in which the runtime looks.
    type: path
    default: /etc/containerd/certs.d
  docker_socket:
    description:
      - For the directory of a Docker Engine, the engine's unix socket. Where the engine would not read the files, there
        are to be none; only engines from 28 on that keep their images in containerd do (docs/facts.md D12).
    type: path
attributes:
  check_mode:
    support: full
    description: Nothing is written in check mode; the result is what would be.
  diff_mode:
    support: full
    description: Shows each file before and after; of certificates, their fingerprints.
  idempotent:
    support: full
    description: A second run with the same options changes nothing.
"""

EXAMPLES = r"""
- name: Give containerd mirrors for two registries
  dockmirror.fleet.registry_hosts:
    registries:
      - name: docker.io
        mirrors: ["https://mirror1.example.com", "https://mirror2.example.com"]
      - name: ghcr.io
        mirrors: ["https://mirror2.example.com", "https://mirror1.example.com"]
    ca_certificate: "{{ lookup('ansible.builtin.file', 'fleet-ca/ca.crt') }}"

- name: Take them away again
  dockmirror.fleet.registry_hosts:
    state: absent
"""

RETURN = r"""
files:
  description: The files of this module on the host, after the run.
  returned: success
  type: list
  elements: str
  sample: [/etc/containerd/certs.d/docker.io/dockmirror-ca.pem, /etc/containerd/certs.d/docker.io/hosts.toml]
foreign:
  description: Files of somebody else that stand where one of this module would.
  returned: success
  type: list
  elements: str
  sample: []
read:
  description: Whether the runtime reads such files. Always true where O(docker_socket) is not given.
  returned: success
  type: bool
  sample: true
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_trust import (
    Change,
    TrustError,
    carry_out,
    describe,
    read_certificates,
)
from ansible_collections.dockmirror.fleet.plugins.module_utils.engine_api import EngineApi, EngineError
from ansible_collections.dockmirror.fleet.plugins.module_utils.mirror_diagnosis import engine_view
from ansible_collections.dockmirror.fleet.plugins.module_utils.registry_hosts import CA_FILE_NAME, plan, wanted_files


def main() -> None:
    registry = {
        "name": {"type": "str", "required": True},
        "mirrors": {"type": "list", "elements": "str", "required": True},
    }
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "registries": {"type": "list", "elements": "dict", "default": [], "options": registry},
            "ca_certificate": {"type": "str"},
            "path": {"type": "path", "default": "/etc/containerd/certs.d"},
            "docker_socket": {"type": "path"},
        },
        supports_check_mode=True,
    )
    base = module.params["path"].rstrip("/")
    wanted: dict[str, str] = {}
    read = True
    try:
        if module.params["state"] == "present":
            ca = read_certificates(module.params["ca_certificate"]).text if module.params["ca_certificate"] else ""
            registries = {item["name"]: item["mirrors"] for item in module.params["registries"]}
            wanted = wanted_files(base, registries, ca)
            if module.params["docker_socket"]:
                read = engine_view(EngineApi(module.params["docker_socket"]).get_json("/info")).reads_hosts_files
        planned = plan(base, wanted if read else {})
        if not module.check_mode:
            carry_out(base, planned.changes)
    except (TrustError, EngineError) as error:
        module.fail_json(msg=f"{error}.")
    except OSError as error:
        module.fail_json(msg=f"{error.filename or base}: {error.strerror or error}.")
    for path in planned.foreign:
        module.warn(
            f"{path} was written by somebody else and stays as it is: the fleet's mirrors are not used for this "
            "registry. Remove the file and run the playbook again to use them."
        )
    module.exit_json(
        changed=bool(planned.changes),
        files=planned.files,
        foreign=planned.foreign,
        read=read,
        diff=[_diff(change) for change in planned.changes],
    )


def _diff(change: Change) -> dict[str, str]:
    show = describe if change.path.endswith(CA_FILE_NAME) else lambda text: text or ""
    return {
        "before_header": change.path if change.before is not None else "absent",
        "after_header": change.path if change.after is not None else "absent",
        "before": show(change.before),
        "after": show(change.after),
    }


if __name__ == "__main__":
    main()
