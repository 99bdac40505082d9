#!/usr/bin/python
# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: docker_trust
short_description: Make dockerd trust the CA of registry mirrors and of private registries
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Puts a CA certificate into every place where a Docker Engine looks for the CA of a Docker Hub mirror or of a
    private registry, and takes it away from where it no longer belongs, in one step.
  - The file is called C(dockmirror-ca.crt). Every C(*.crt) in such a directory is a root for dockerd, so certificates
    that somebody else put there are left alone. Only files of that name are ever written or removed.
  - Engines with the classic image store, and Engine 26 with the containerd image store, read the directory named like
    the mirror. Engine 28 and later with the containerd image store read the directory C(docker.io) for the mirrors of
    Docker Hub. Both are written, since an engine may be upgraded or its image store switched later. Measured with
    Engine 20.10.24, 26.1.5 and 28.5.2.
  - No reload and no restart is needed; engines read these files on each pull (measured as well).
options:
  state:
    description:
      - V(present) makes the given CAs the only ones that this module manages on the host.
      - V(absent) removes every file that this module manages, and the directories that are empty then.
    type: str
    choices: [present, absent]
    default: present
  hosts:
    description:
      - The mirrors, as C(name) or C(name:port), spelled as in the mirrors' URLs in C(registry-mirrors).
    type: list
    elements: str
    default: []
  ca_certificate:
    description:
      - The content of the CA file of O(hosts), one or more certificates in PEM format.
      - Required with O(hosts). A private key in it is refused.
    type: str
  registries:
    description:
      - Private registries, as C(name) or C(name:port), spelled as before the name of an image.
    type: list
    elements: str
    default: []
  registry_ca_certificate:
    description:
      - The content of the CA file of O(registries), as O(ca_certificate).
      - Required with O(registries).
    type: str
  docker_hub:
    description:
      - Whether the directory C(docker.io) is written as well. V(false) for Podman, which looks into that of the mirror
        alone.
    type: bool
    default: true
  path:
    description:
      - The directory in which dockerd looks for certificates. For Podman it is C(/etc/containers/certs.d).
    type: path
    default: /etc/docker/certs.d
attributes:
  check_mode:
    support: full
    description: Nothing is written in check mode; the result is what would be.
  diff_mode:
    support: full
    description: Shows for each file the fingerprints of the certificates in it, before and after.
  idempotent:
    support: full
    description: A second run with the same options changes nothing.
"""

EXAMPLES = r"""
- name: Trust the fleet's CA
  dockmirror.fleet.docker_trust:
    hosts: [mirror1.example.com, mirror2.example.com:8443]
    ca_certificate: "{{ lookup('ansible.builtin.file', 'fleet-ca/ca.crt') }}"

- name: Trust the CA of a private registry as well, which is another one
  dockmirror.fleet.docker_trust:
    hosts: [mirror1.example.com]
    ca_certificate: "{{ lookup('ansible.builtin.file', 'fleet-ca/ca.crt') }}"
    registries: [registry.example.com]
    registry_ca_certificate: "{{ lookup('ansible.builtin.file', 'corporate-ca.pem') }}"

- name: Forget them again
  dockmirror.fleet.docker_trust:
    state: absent
"""

RETURN = r"""
files:
  description: The CA files that are managed on the host, after the run.
  returned: success
  type: list
  elements: str
  sample: [/etc/docker/certs.d/docker.io/dockmirror-ca.crt, /etc/docker/certs.d/mirror1.example.com/dockmirror-ca.crt]
written:
  description: Files that were written.
  returned: success
  type: list
  elements: str
  sample: []
removed:
  description: Files that were removed.
  returned: success
  type: list
  elements: str
  sample: []
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_trust import (
    TrustError,
    carry_out,
    describe,
    merged,
    plan,
    read_certificates,
    registry_files,
    wanted_files,
)


def read(module: AnsibleModule, option: str, kind: str) -> str:
    """The certificates that an option holds; warns of those that are expired."""
    if not module.params[option]:
        raise TrustError(f"{option} is missing: the CA that signed the certificate of each {kind}")
    certificates = read_certificates(module.params[option])
    for subject in certificates.expired:
        module.warn(
            f"The CA certificate {subject} is expired: engines will refuse every {kind} whose certificate it signed."
        )
    return certificates.text


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "hosts": {"type": "list", "elements": "str", "default": []},
            "ca_certificate": {"type": "str"},
            "registries": {"type": "list", "elements": "str", "default": []},
            "registry_ca_certificate": {"type": "str"},
            "docker_hub": {"type": "bool", "default": True},
            "path": {"type": "path", "default": "/etc/docker/certs.d"},
        },
        supports_check_mode=True,
    )
    base = module.params["path"].rstrip("/")
    try:
        wanted = {}
        if module.params["state"] == "present":
            if not module.params["hosts"] and not module.params["registries"]:
                raise TrustError("no host is given for which the CA is to be trusted")
            if module.params["hosts"]:
                text = read(module, "ca_certificate", "mirror")
                wanted = wanted_files(base, module.params["hosts"], text, module.params["docker_hub"])
            if module.params["registries"]:
                text = read(module, "registry_ca_certificate", "registry")
                wanted = merged(wanted, registry_files(base, module.params["registries"], text))
        changes = plan(base, wanted)
        if not module.check_mode:
            carry_out(base, changes)
    except TrustError as error:
        module.fail_json(msg=f"{error}.")
    module.exit_json(
        changed=bool(changes),
        files=sorted(wanted),
        written=[change.path for change in changes if change.after is not None],
        removed=[change.path for change in changes if change.after is None],
        diff=[
            {
                "before_header": change.path if change.before is not None else "absent",
                "after_header": change.path if change.after is not None else "absent",
                "before": describe(change.before),
                "after": describe(change.after),
            }
            for change in changes
        ],
    )


if __name__ == "__main__":
    main()
