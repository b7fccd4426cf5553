# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The vendors' own descriptions of their APIs, as a judge of requests and of answers."""

from __future__ import annotations

import os
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from graphql import GraphQLSchema, build_schema

from sandbox.cloud.contracts import UNDESCRIBED
from sandbox.cloud.contracts import Contract as Description

__all__ = ["UNDESCRIBED", "Contract", "railway"]

FOLDER = Path(os.environ.get("RUNBOOK_CONTRACTS") or Path(__file__).parent / "documents")


def _found(name: str) -> Path:
    path = FOLDER / name
    if not path.exists():
        pytest.skip(f"{path} is not there. RUNBOOK_CONTRACTS must name a folder with the vendors' contracts.")
    return path


def railway() -> GraphQLSchema:
    return build_schema(_found("railway.graphql").read_text())


class Contract:
    """One vendor's OpenAPI document, asked about httpx's requests and answers."""

    def __init__(self, name: str, prefix: str = "") -> None:
        self.description = Description(_found(name), prefix)
        self.document, self.operation = self.description.document, self.description.operation

    def wrong_in_request(self, request: httpx.Request) -> list[str]:
        """Return what the document does not allow in a request."""
        parts = urlsplit(str(request.url))
        return self.description.wrong_in_request(request.method, parts.path, parts.query, request.content)

    def wrong_in_answer(self, answer: httpx.Response) -> list[str]:
        """Return what the document does not allow in an answer."""
        path = urlsplit(str(answer.request.url)).path
        return self.description.wrong_in_answer(answer.request.method, path, answer.status_code, answer.content)
