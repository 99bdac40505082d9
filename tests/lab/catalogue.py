# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the simulated Docker Hub holds. Made from Debian's busybox, so that containers really run."""

from __future__ import annotations

from tests.lab.mkimage import Entry, File, Folder, Image, Index, Link, layer, random_layer


def busybox_root(busybox: bytes, applets: list[str], name: str) -> dict[str, Entry]:
    """A small root file system. *name* makes its layer differ from every other image's.

    With a shared base layer, what a client already has would decide which blobs a mirror is asked for.
    """
    root: dict[str, Entry] = {
        folder: Folder() for folder in ("dev", "etc", "proc", "root", "sys", "var", "usr/bin", "usr/sbin")
    }
    root["tmp"] = Folder(0o1777)
    root["bin/busybox"] = File(busybox, 0o755)
    root.update({f"bin/{applet}": Link("busybox") for applet in applets if applet != "busybox"})
    root["etc/passwd"] = File(b"root:x:0:0:root:/root:/bin/sh\n")
    root["etc/group"] = File(b"root:x:0:\n")
    root["etc/os-release"] = File(b'ID=dockmirror-lab\nPRETTY_NAME="dockmirror lab image"\n')
    root["etc/image-name"] = File(f"{name}\n".encode())
    return root


def content(busybox: bytes, applets: list[str], architecture: str) -> list[Image | Index]:
    """All images of the simulated Hub."""

    def base(name: str) -> bytes:
        return layer(busybox_root(busybox, applets, name))

    def image(repository: str, tags: tuple[str, ...], *extra: bytes, command: tuple[str, ...] = ("sh",)) -> Image:
        layers = (base(repository), *extra)
        return Image(repository, tags, layers, {"Cmd": list(command)}, architecture)

    other = "arm64" if architecture == "amd64" else "amd64"
    multi = tuple(
        Image("library/multi", (), (base(f"library/multi {arch}"),), {"Cmd": ["sh"]}, arch, oci=True)
        for arch in (architecture, other)
    )
    return [
        image("library/alpine", ("latest", "3.20"), command=("/bin/sh",)),
        image("library/busybox", ("latest",), random_layer(1, "busybox")),
        image("library/medium", ("1",), random_layer(20, "medium-1"), random_layer(10, "medium-2")),
        image("example/app", ("1.0",), random_layer(3, "app"), command=("sh", "-c", "echo app 1.0")),
        Index("library/multi", ("1",), multi),
        # The same name at every upstream, with other content: who asks the wrong one gets the wrong image.
        *(image(f"{upstream}/example/app", ("1.0",), random_layer(1, upstream)) for upstream in ("ghcr.io", "quay.io")),
    ]
