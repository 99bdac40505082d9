# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CA certificates for dockerd below C(/etc/docker/certs.d): what is there, what should be, and the way between.

Only files with our own name are ever read, written or removed. dockerd takes every C(*.crt) of a directory as a root,
so the operator's own C(ca.crt) stays beside ours.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import ssl
import stat
import tempfile
import time
from typing import Iterable, Mapping, NamedTuple

CA_FILE_NAME = "dockmirror-ca.crt"
HUB_DIRECTORY = "docker.io"
FILE_MODE = 0o644
DIRECTORY_MODE = 0o755

_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----\s.*?-----END CERTIFICATE-----", re.DOTALL)
_HOST = re.compile(r"^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?)(:[0-9]{1,5})?\Z")


class TrustError(ValueError):
    """The input cannot be used, or the directory is not as it has to be; the message says why."""


class Certificates(NamedTuple):
    """A checked CA file.

    :ivar text: the certificates in PEM, nothing else, one final newline.
    :ivar expired: subjects of CA certificates that are no longer valid.
    """

    text: str
    expired: list[str]


class Change(NamedTuple):
    """One file to write (``after`` is text) or to remove (``after`` is None); ``before`` is None for a new one."""

    path: str
    before: str | None
    after: str | None
    mode: bool


def read_certificates(text: str, now: float | None = None) -> Certificates:
    """Check the content of a CA file.

    :param text: PEM; text around the certificates, as tools like to write it, is dropped.
    :param now: seconds since the epoch, default the clock.
    :raises TrustError: no certificate, a broken one, or a private key is in it.
    """
    if "PRIVATE KEY-----" in text:
        raise TrustError(
            "the CA file holds a private key; a CA's key must not be sent to clients, give the certificate alone"
        )
    blocks = _CERTIFICATE.findall(text)
    if not blocks:
        raise TrustError("there is no certificate in the CA file (no -----BEGIN CERTIFICATE----- in it)")
    clean = "".join("\n".join(line.strip() for line in block.splitlines()) + "\n" for block in blocks)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context.load_verify_locations(cadata=clean)
    except (ssl.SSLError, ValueError) as error:
        raise TrustError(f"a certificate in the CA file cannot be read: {error}") from error
    moment = time.time() if now is None else now
    expired = [
        _common_name(certificate)
        for certificate in context.get_ca_certs()
        if ssl.cert_time_to_seconds(str(certificate["notAfter"])) < moment
    ]
    return Certificates(clean, expired)


def _common_name(certificate: Mapping[str, object]) -> str:
    subject = certificate.get("subject") or ()
    fields = [pair for part in subject for pair in part]  # type: ignore[attr-defined]
    return ", ".join("{}={}".format(*pair) for pair in fields) or "without a subject"


def check_host(host: str) -> str:
    """Return ``host`` if it is C(name) or C(name:port), as it stands in a mirror's URL.

    :raises TrustError: it is anything else, above all a path.
    """
    if not _HOST.match(host) or ".." in host:
        raise TrustError(f"{host!r} is not a host name or host:port as in a mirror's URL")
    return host


def describe(text: str | None) -> str:
    """A CA file in a diff: the fingerprint of each certificate tells more than its PEM, in one line."""
    if text is None:
        return ""
    lines = []
    for block in _CERTIFICATE.findall(text):
        try:
            lines.append("certificate SHA-256 " + hashlib.sha256(ssl.PEM_cert_to_DER_cert(block)).hexdigest())
        except ValueError:
            lines.append("a certificate that cannot be read")
    return "".join(line + "\n" for line in lines or ["no certificate"])


def wanted_files(base: str, hosts: Iterable[str], text: str, docker_hub: bool = True) -> dict[str, str]:
    """Path and content of every file that mirrors need.

    For dockerd the directory C(docker.io) is among them: with the containerd image store, Engine 28 and later look for
    the CA of a Docker Hub mirror there, not under the mirror's own name (measured with 28.5.2).
    """
    directories = sorted(({HUB_DIRECTORY} if docker_hub else set()) | {check_host(host) for host in hosts})
    return {os.path.join(base, directory, CA_FILE_NAME): text for directory in directories}


def registry_files(base: str, registries: Iterable[str], text: str) -> dict[str, str]:
    """Path and content of every file that registries need: every engine looks under the registry's own name."""
    return {os.path.join(base, check_host(registry), CA_FILE_NAME): text for registry in registries}


def merged(first: Mapping[str, str], second: Mapping[str, str]) -> dict[str, str]:
    """Both; the certificates of both where one name is a mirror's and a registry's, each of them once."""
    files = dict(first)
    for path, text in second.items():
        blocks = _CERTIFICATE.findall(files.get(path, "")) + _CERTIFICATE.findall(text)
        files[path] = "".join(f"{block}\n" for block in dict.fromkeys(blocks))
    return files


def plan(base: str, wanted: Mapping[str, str]) -> list[Change]:
    """What has to happen so that exactly ``wanted`` are our files below ``base``."""
    changes = []
    for path in sorted(set(wanted) | set(_ours(base))):
        before, after = _read(path), wanted.get(path)
        wrong_mode = after is not None and before is not None and _mode(path) != FILE_MODE
        if before != after or wrong_mode:
            changes.append(Change(path, before, after, wrong_mode))
    return changes


def carry_out(base: str, changes: Iterable[Change]) -> None:
    """Write and remove. A directory that only held our file goes with it.

    :raises TrustError: a path cannot be written; what was written before it stays, every file is either old or new.
    """
    for change in changes:
        try:
            if change.after is None:
                os.unlink(change.path)
                _remove_empty(os.path.dirname(change.path))
            else:
                _write(change.path, change.after)
        except OSError as error:
            raise TrustError(f"cannot change {change.path}: {error.strerror or error}") from error
        if change.after is None:
            _remove_empty(base)


def _ours(base: str) -> list[str]:
    try:
        directories = os.listdir(base)
    except (FileNotFoundError, NotADirectoryError):
        return []
    paths = (os.path.join(base, directory, CA_FILE_NAME) for directory in directories)
    return [path for path in paths if os.path.lexists(path)]


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return stream.read()
    except (FileNotFoundError, NotADirectoryError):
        return "" if os.path.islink(path) else None
    except OSError as error:
        raise TrustError(f"cannot read {path}: {error.strerror or error}") from error


def _mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def _make_directories(path: str) -> None:
    # os.makedirs gives its mode to the last one only, and the umask takes from that: 0077 would lock out all but root
    missing = []
    while not os.path.isdir(path):
        missing.append(path)
        path = os.path.dirname(path)
    for directory in reversed(missing):
        os.mkdir(directory)
        os.chmod(directory, DIRECTORY_MODE)


def _write(path: str, text: str) -> None:
    directory = os.path.dirname(path)
    _make_directories(directory)
    # dockerd ignores what does not end in .crt, so a half-written file is never read
    handle, temporary = tempfile.mkstemp(prefix=".dockmirror-", suffix=".new", dir=directory)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(temporary, FILE_MODE)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _remove_empty(directory: str) -> None:
    with contextlib.suppress(OSError):  # something else is in it, or it is not there
        os.rmdir(directory)
