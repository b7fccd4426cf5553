# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every error that the collection raises.

RunbookError
├── ConfigError          an option, a file or a library is wrong; nothing was touched
├── ApiError             the vendor answered with an error
├── Unreachable          no answer came; for a write it is unknown whether it happened
├── DeploymentFailed     the vendor gave up on the deployment
├── MigrationFailed      a migration was begun and did not end well
├── Unhealthy            a site did not answer as it was expected to
├── WaitTimeout          the last word before the deadline was still a pending one
├── CommandFailed        a program ended with an exit code other than 0
├── NoGo                 a check of the checklist says no, or could not be asked
├── LeaseHeld            another run holds the lease
├── LeaseLost            the lease was taken over or ran out; no further write may happen
└── InternalError        unforeseen: see internal.py
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

NOT_ITS_API = "not_its_api"  # code of an answer that does not come from the vendor's API
SOON = 30  # seconds that a write may have to wait before it is worth another try


class RunbookError(Exception):
    """What happened, to what, and what to do next; safe to print.

    ``details`` become ``error{kind,code,status,message,request_id,retryable,…}`` of the failed task; ``result`` is
    returned beside it: what was found out before it failed.
    """

    kind = "error"

    def __init__(self, message: str, **details: Any) -> None:
        super().__init__(message)
        self.result: dict[str, Any] = {}
        self.details = {"kind": self.kind, "message": message, **{k: v for k, v in details.items() if v is not None}}

    def advise(self, more: str) -> None:
        """Say what else is to be done about it."""
        self.args = (f"{self} {more}",)
        self.details["message"] = str(self)


class ConfigError(RunbookError):
    kind = "config"


class ApiError(RunbookError):
    """``code`` is the vendor's own error code, ``status`` the HTTP status, ``request_id`` what its support asks for.

    ``response`` is the vendor's whole answer, for a client that acts on more of it than these; it is never shown.
    """

    kind = "api"
    response: Any = None

    @property
    def status(self) -> int | None:
        return self.details.get("status")

    @property
    def code(self) -> str | None:
        return self.details.get("code")

    @property
    def is_missing(self) -> bool:
        """Whether the vendor itself reports that there is no such thing; any server at a wrong ``api_url``
        does, too.
        """
        return (
            self.status == HTTPStatus.NOT_FOUND and self.code != NOT_ITS_API and not str(self.code).startswith("edge_")
        )


class Unreachable(RunbookError):
    kind = "unreachable"


def may_have_happened(error: RunbookError) -> bool:
    """Whether a vendor may have done a write that ended so: no answer came, or one that does not say. A
    vendor that wants to be asked much later has not.
    """
    if isinstance(error, Unreachable):
        return True
    if not isinstance(error, ApiError) or error.details.get("retry_after", 0) > SOON:
        return False
    return error.code == "malformed_body" or (error.status or 0) >= HTTPStatus.INTERNAL_SERVER_ERROR


class DeploymentFailed(RunbookError):
    kind = "deployment_failed"


class MigrationFailed(RunbookError):
    kind = "migration_failed"


class Unhealthy(RunbookError):
    kind = "unhealthy"


class WaitTimeout(RunbookError):
    kind = "wait_timeout"


class CommandFailed(RunbookError):
    kind = "command_failed"


class NoGo(RunbookError):
    kind = "no_go"


class LeaseHeld(RunbookError):
    kind = "lease_held"


class LeaseLost(RunbookError):
    kind = "lease_lost"


class InternalError(RunbookError):
    kind = "internal"
