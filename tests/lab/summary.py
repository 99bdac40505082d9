# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the demo proved, as data and as text for people."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tests.lab.run import LabError

HEADINGS = ("client", "image", "served by", "over TLS", "Docker Hub asked by")


@dataclass(frozen=True)
class Proof:
    """How one client got one image; who served and who asked comes from the logs of the two servers."""

    client: str
    image: str
    mirror: str
    tls: str
    """Protocol version of the verified connection, empty when there is none."""
    served: Sequence[str]
    """Lines of the mirror's access log with answers of 200 to this client for this image."""
    askers: Sequence[str]
    """Names of the hosts that asked the Hub meanwhile."""

    @property
    def problems(self) -> list[str]:
        """What is not as it should be; empty for a pull that went through the mirror alone."""
        found = []
        if not self.served:
            found.append(f"{self.client}: {self.mirror} did not serve {self.image} to it")
        if not self.tls:
            found.append(f"{self.client}: the connection to {self.mirror} was not over verified TLS")
        others = [name for name in self.askers if name != self.mirror]
        if others:
            found.append(f"{self.client}: Docker Hub was asked by {', '.join(others)}")
        return found

    @property
    def row(self) -> tuple[str, ...]:
        """The line of the table."""
        return (
            self.client,
            self.image,
            self.mirror if self.served else "NOT the mirror",
            self.tls or "NO",
            ", ".join(self.askers) or "nobody (cached)",
        )


def entries(text: str) -> list[tuple[str, Mapping[str, Any]]]:
    """The lines of a JSON log, each as text and parsed; ``LabError`` for a line that is not JSON."""
    found = []
    for line in text.splitlines():
        try:
            found.append((line, json.loads(line)))
        except ValueError as error:
            raise LabError(f"not a line of a JSON log: {line}") from error
    return found


def served_lines(text: str, client: str, repository: str) -> list[str]:
    """Lines of a mirror's access log that answer address *client* with 200 for a manifest or blob of *repository*."""
    return [
        line
        for line, entry in entries(text)
        if entry["remote_addr"] == client
        and int(entry["status"]) == 200
        and entry["uri"].startswith((f"/v2/{repository}/manifests/", f"/v2/{repository}/blobs/"))
    ]


def askers(text: str, known: Mapping[str, str]) -> list[str]:
    """Who asked the Hub, by its log; *known* gives the host name of an address."""
    return sorted({known.get(entry["remote_addr"], entry["remote_addr"]) for _line, entry in entries(text)})


def table(proofs: Iterable[Proof]) -> str:
    """The summary as a table with columns as wide as they must be."""
    rows = [HEADINGS, *(proof.row for proof in proofs)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "  ".join("-" * width for width in widths))
    return "\n".join(lines)
