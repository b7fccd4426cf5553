# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How root runs PostgreSQL, which refuses to run as root."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from contextlib import suppress
from pathlib import Path

from .state import SandboxError

NAMESPACE = ["unshare", "--user", "--map-user=1000", "--map-group=1000", "--"]


def unprivileged(folder: Path, program: Path) -> list[str]:
    """Return what to put before ``program`` so that it does not run as root and may write to ``folder``; nothing for
    other users.

    In a user namespace root's own files stay within reach, even below a home of mode 0700. Where the machine allows
    none, ``folder`` is given to a real user, who must be able to get there.
    """
    if os.geteuid() != 0:
        return []
    if _reaches(NAMESPACE, folder, program):
        return NAMESPACE
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            user = pwd.getpwnam(name)
            shutil.chown(folder, user.pw_uid, user.pw_gid)
            switch = ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups", "--"]
            if _reaches(switch, folder, program):
                return switch
    raise SandboxError(
        "PostgreSQL does not run as root, this machine allows root no user namespace (unshare --user), and neither the"
        f" user postgres nor nobody can reach {folder} and {program}: run the sandbox as an ordinary user, or move the"
        " checkout to where others may enter."
    )


def _reaches(prefix: list[str], folder: Path, program: Path) -> bool:
    test = ["sh", "-c", 'test -w "$1" && exec "$2" --version', "sh", str(folder), str(program)]
    with suppress(FileNotFoundError):
        return subprocess.run([*prefix, *test], capture_output=True, check=False).returncode == 0
    return False
