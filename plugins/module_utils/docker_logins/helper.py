# Copyright: (c) 2026, dockmirror.fleet contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Credential helpers: programs that keep logins for the docker command, outside of its configuration file.

``docker-credential-NAME get|store|erase`` reads from its standard input; no secret is an argument. A helper is run as
the user whose logins it keeps, exactly as ``docker login`` of that user would.
"""

from __future__ import annotations

import json
import os
import shutil

from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.config_file import Credentials, LoginError
from ansible_collections.dockmirror.fleet.plugins.module_utils.docker_logins.users import User, run_as

_TOKEN = "<token>"  # noqa: S105 - the user name that stands for "not a password"
_NOT_FOUND = "credentials not found"


class Helper:
    """The credential helper ``name`` of a user.

    :param timeout: seconds for one call.
    """

    def __init__(self, user: User, name: str, timeout: float = 30.0) -> None:
        self.name = name
        self._user = user
        self._timeout = timeout

    def get(self, key: str) -> Credentials | None:
        """The login of a registry, None where the helper has none, or a token.

        :raises LoginError: the helper fails.
        """
        code, output = self._run("get", key)
        if code != 0:
            if _NOT_FOUND in output:
                return None
            raise self._failed("get", output)
        try:
            found = json.loads(output)
            username, secret = str(found["Username"]), str(found["Secret"])
        except (ValueError, KeyError, TypeError):
            # The answer may hold a secret: it is not repeated.
            raise LoginError(
                f"the credential helper {self._program} of {self._user.name} gives no usable answer"
            ) from None
        return None if username == _TOKEN else Credentials(username, secret)

    def store(self, key: str, credentials: Credentials) -> None:
        """Keep a login.

        :raises LoginError: the helper fails.
        """
        document = {"ServerURL": key, "Username": credentials.username, "Secret": credentials.password}
        code, output = self._run("store", json.dumps(document))
        if code != 0:
            raise self._failed("store", output.replace(credentials.password, "***"))

    def erase(self, key: str) -> None:
        """Forget a login.

        :raises LoginError: the helper fails.
        """
        code, output = self._run("erase", key)
        if code != 0 and _NOT_FOUND not in output:
            raise self._failed("erase", output)

    @property
    def _program(self) -> str:
        return f"docker-credential-{self.name}"

    def _run(self, action: str, text: str) -> tuple[int, str]:
        program = shutil.which(self._program, os.X_OK, self._user.environment()["PATH"])
        if not program:
            raise LoginError(
                f"the config.json of {self._user.name} names the credential helper {self._program}, which is not"
                " installed: install it, or take it out of credsStore and credHelpers there"
            )
        return run_as(self._user, [program, action], text, self._timeout)

    def _failed(self, action: str, output: str) -> LoginError:
        said = (output.strip().splitlines() or ["nothing"])[0][:200]
        return LoginError(
            f"the credential helper {self._program} of {self._user.name} failed to {action} a login; it says: {said}"
        )
