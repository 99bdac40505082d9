#!/usr/bin/python
# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: probe_image
short_description: Write the image by which a gateway is recognised
version_added: 1.0.0
author:
  - dockmirror.fleet contributors (@dockmirror)
description:
  - Writes a tiny multi-platform image as static files. The gateway serves them for every tag of the reserved repository
    C(dockmirror/probe), so that a client that can pull it provably went through that gateway.
  - The label C(io.dockmirror.served-by) of the image names the server.
options:
  dest:
    description:
      - Directory for the files. It belongs to this module alone; other files in it are removed.
      - The manifest list is C(index.json); manifests and blobs are in C(manifests) and C(blobs), named by the
        hexadecimal part of their
        digest.
    type: path
    required: true
  server_name:
    description: What the label says, normally the DNS name of the gateway.
    type: str
    required: true
attributes:
  check_mode:
    support: full
    description: Nothing is written in check mode; the result is what would be.
  diff_mode:
    support: full
    description: Shows which files come and go.
  idempotent:
    support: full
    description: The files depend on O(server_name) alone.
"""

EXAMPLES = r"""
- name: Write the probe image
  dockmirror.fleet.probe_image:
    dest: /var/lib/dockmirror/gateway/probe
    server_name: mirror1.example.com
"""

RETURN = r"""
digest:
  description: Digest of the manifest list, which every tag of the image resolves to.
  returned: success
  type: str
  sample: sha256:2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.dockmirror.fleet.plugins.module_utils.probe_image import build, compare, files, store


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "dest": {"type": "path", "required": True},
            "server_name": {"type": "str", "required": True},
        },
        supports_check_mode=True,
    )
    dest = module.params["dest"]
    image = build(module.params["server_name"])
    wanted = files(image)
    try:
        changes = compare(dest, wanted)
        if not module.check_mode:
            store(dest, wanted, changes)
    except OSError as error:
        module.fail_json(msg=f"The probe image cannot be written to {dest}: {error}.")
    module.exit_json(
        changed=bool(changes),
        digest=image.digest,
        diff={
            "before_header": dest,
            "after_header": dest,
            "before": "".join(path + "\n" for path in changes.remove),
            "after": "".join(path + "\n" for path in changes.write),
        },
    )


if __name__ == "__main__":
    main()
