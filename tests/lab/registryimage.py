# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The registry's images as archives for ``docker load``, and its program for the simulated Hub.

Best source first: the official image where it can be pulled; for registry 3 the Go module where there is a Go
toolchain that can fetch it; for registry 2 Debian's package. ``versions.json`` beside the archives says which it was.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from tests.lab import apt, gotools, paths, state
from tests.lab.catalogue import busybox_root
from tests.lab.mkimage import Entry, File, Folder, Image, Link, docker_archive, layer
from tests.lab.run import LabError, docker, run, say

MODULE = "github.com/distribution/distribution/v3"
MODULE_VERSION = "v3.1.1"
CONFIG_PATH = {"3": "etc/distribution/config.yml", "2": "etc/docker/registry/config.yml"}
VERSIONS = paths.IMAGES / "versions.json"


def versions() -> dict[str, dict[str, str]]:
    """Which registry versions there are, with their archive, source and exact version. Empty before the build."""
    if not VERSIONS.exists():
        return {}
    found: dict[str, dict[str, str]] = json.loads(VERSIONS.read_text())["registry"]
    return found


def newest() -> str:
    """The newest major version that could be had: ``3`` where possible."""
    have = versions()
    if not have:
        raise LabError("no registry image was built yet; run `python -m tests.lab build`")
    return max(have)


def program(major: str) -> Path:
    """The registry's executable, to be run without a container."""
    return paths.REGISTRY / major / "registry"


def build(unpacked: Path, applets: list[str]) -> None:
    """Make archive and program of both major versions, from *unpacked* Debian packages where nothing else works."""
    paths.IMAGES.mkdir(parents=True, exist_ok=True)
    found: dict[str, dict[str, str]] = {}
    for major in ("3", "2"):
        source = _official(major)
        if not source:
            source = _from_module() if major == "3" else _from_debian(unpacked)
            if source:
                _archive(major, unpacked, applets)
        if not source:
            continue
        said = run(str(program(major)), "--version").stdout.split()
        found[major] = {"archive": f"registry-{major}.tar", "source": source, "version": said[-1]}
        say(f"registry {major}: {said[-1]} ({source})")
    if "3" not in found:
        say("registry 3 cannot be had on this machine (no Docker Hub, no Go toolchain with its module): 2 is used")
    VERSIONS.write_text(json.dumps({"registry": found}, indent=2) + "\n")


def _official(major: str) -> str:
    """Pull the official image when Docker Hub answers; what the engine had before stays its own."""
    image = f"docker.io/library/registry:{major}"
    known = bool(docker("image", "inspect", "-f", "{{.Id}}", image, check=False))
    if not known:
        try:
            pulled = run("docker", "pull", "-q", image, timeout=120, check=False)
        except LabError:
            return ""
        if pulled.returncode != 0:
            return ""
        record = state.load()
        record.images = sorted({*record.images, image})
        state.save(record)
    docker("save", "-o", str(paths.IMAGES / f"registry-{major}.tar"), image)
    program(major).parent.mkdir(parents=True, exist_ok=True)
    container = docker("create", image)
    try:
        docker("cp", f"{container}:/bin/registry", str(program(major)))
    finally:
        docker("rm", container)
    return f"official image {image}"


def _from_module() -> str:
    source = f"Go module {MODULE} {MODULE_VERSION}"
    target = program("3")
    stamp = target.with_name("source")
    if target.exists() and stamp.exists() and stamp.read_text() == source:
        return source
    if not gotools.go():
        return ""
    try:
        version = f"-X {MODULE}/version.version={MODULE_VERSION}"
        gotools.install(f"{MODULE}/cmd/registry", MODULE_VERSION, target.parent, version)
    except LabError as error:
        say(f"registry 3 could not be built: {error}")
        return ""
    stamp.write_text(source)
    return source


def _from_debian(unpacked: Path) -> str:
    target = program("2")
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy2(unpacked / "usr/bin/docker-registry", target)
    return "Debian package docker-registry"


def _archive(major: str, unpacked: Path, applets: list[str]) -> None:
    """Write an image laid out like the official one of that major version."""
    assets = paths.ASSETS / "registry"
    busybox = (unpacked / "usr/bin/busybox").read_bytes()
    authorities = sorted((unpacked / "usr/share/ca-certificates/mozilla").glob("*.crt"))
    files: dict[str, Entry] = {
        "bin/registry": File(program(major).read_bytes(), 0o755),
        "entrypoint.sh": File((assets / "entrypoint.sh").read_bytes(), 0o755),
        CONFIG_PATH[major]: File((assets / "config.yml").read_bytes()),
        "etc/ssl/certs/ca-certificates.crt": File(b"".join(file.read_bytes() for file in authorities)),
        "var/lib/registry": Folder(),
    }
    environment: list[str] = []
    if major == "2":
        # Debian's program is linked against the C library; Go's own build and the official one are static.
        files |= _c_library(unpacked)
    else:
        environment = ["OTEL_TRACES_EXPORTER=none"]
    config = {
        "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", *environment],
        "Entrypoint": ["/entrypoint.sh"],
        "Cmd": [f"/{CONFIG_PATH[major]}"],
        "ExposedPorts": {"5000/tcp": {}},
        "Volumes": {"/var/lib/registry": {}},
    }
    base = layer(busybox_root(busybox, applets, f"registry {major}"))
    image = Image("library/registry", (major,), (base, layer(files)), config, apt.architecture())
    data = docker_archive(image, [f"registry:{major}"])
    target = paths.IMAGES / f"registry-{major}.tar"
    with tempfile.NamedTemporaryFile(dir=target.parent, delete=False) as part:
        part.write(data)
    Path(part.name).chmod(0o644)
    Path(part.name).rename(target)


def _c_library(unpacked: Path) -> dict[str, Entry]:
    library = next(unpacked.glob("usr/lib/*/libc.so.6"))
    loader = next(library.parent.glob("ld-linux-*.so.*"))
    folder = f"usr/lib/{library.parent.name}"
    found: dict[str, Entry] = {
        f"{folder}/{library.name}": File(library.read_bytes(), 0o755),
        f"{folder}/{loader.name}": File(loader.read_bytes(), 0o755),
        f"lib/{library.parent.name}": Link(f"../{folder}"),
    }
    # The x86 loader is looked for in /lib64, the others in /lib.
    home = "lib64" if "x86-64" in loader.name else "lib"
    found[f"{home}/{loader.name}"] = Link(f"/{folder}/{loader.name}")
    return found
