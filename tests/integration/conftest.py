# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures of the integration tests: the two kinds of store."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests.integration.installed import Installed, install
from tests.integration.object_service import object_service

BUCKET = "storefront"


@pytest.fixture(autouse=True)
def _process_of_the_module(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("own_process"):
        monkeypatch.delenv("MODULES_RUN", raising=False)


@pytest.fixture(scope="session")
def s3_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An S3 service with an empty bucket, apart from the sandbox's."""
    with object_service(tmp_path_factory.mktemp("s3")) as url:
        keys = {"aws_access_key_id": "access", "aws_secret_access_key": "secret", "region_name": "us-east-1"}
        client = boto3.session.Session().client("s3", endpoint_url=url, **keys)
        client.create_bucket(Bucket=BUCKET)
        client.close()
        yield url


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The collection, installed into an empty folder."""
    return install(tmp_path_factory.mktemp("installed"))


@pytest.fixture
def s3_options(s3_url: str) -> dict[str, Any]:
    """The store options of a module, for a new prefix in S3."""
    return {
        "store": f"s3://{BUCKET}/{uuid.uuid4()}",
        "store_endpoint_url": s3_url,
        "store_access_key": "access",
        "store_secret_key": "secret-access-key",
        "store_region": "us-east-1",
    }


@pytest.fixture(params=["s3", "folder"])
def store_options(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """The store options of a module, once for each kind of store."""
    if request.param == "s3":
        return request.getfixturevalue("s3_options")
    return {"store": (tmp_path / "store").as_uri(), "store_is_shared": True}
