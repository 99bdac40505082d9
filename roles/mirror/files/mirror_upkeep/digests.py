# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether bytes are what a digest says."""

from __future__ import annotations

import hashlib

from .errors import UpkeepError

_ALGORITHMS = ("sha256", "sha512")
"""Those that the image specification registers; https://github.com/opencontainers/image-spec/blob/main/descriptor.md"""


def split(digest: str) -> tuple[str, str]:
    """Algorithm and hexadecimal digits; raises UpkeepError for what is no digest, which may not become a path."""
    algorithm, _colon, digits = digest.partition(":")
    if algorithm not in _ALGORITHMS or not digits or set(digits) - set("0123456789abcdef"):
        raise UpkeepError(f"{digest!r} is no digest of a kind that is known here")
    return algorithm, digits


class Check:
    """Takes bytes as they come, and compares at the end."""

    def __init__(self, digest: str) -> None:
        """Raises UpkeepError for what is no digest."""
        self.size = 0
        """Bytes so far."""
        self._digest = digest
        self._hash = hashlib.new(split(digest)[0])

    def update(self, chunk: bytes) -> None:
        """Take these bytes."""
        self._hash.update(chunk)
        self.size += len(chunk)

    def verify(self, what: str) -> None:
        """Raise UpkeepError if these were other bytes."""
        if self._digest.partition(":")[2] != self._hash.hexdigest():
            raise UpkeepError(f"{what}: {self.size} bytes came for {self._digest}, which are others")
