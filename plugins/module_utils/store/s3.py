# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A store in S3, or in a service with the same protocol: conditional writes by If-None-Match and If-Match."""

from __future__ import annotations

import gzip
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import cache
from pathlib import Path
from typing import Any

try:
    import botocore.session  # boto3 adds its transfer manager, which is unused here and costs 0.1 s in every task
    from botocore.config import Config
    from botocore.exceptions import (
        BotoCoreError,
        ClientError,
        HTTPClientError,
        NoCredentialsError,
        PaginationError,
        PartialCredentialsError,
    )
    from botocore.exceptions import ConnectionError as NoConnection
    from botocore.loaders import JSONFileLoader, Loader
    from botocore.parsers import ResponseParserError

    BOTO3_ERROR: str | None = None
except ImportError as error:  # reported by S3Store; a folder does not need it
    BOTO3_ERROR = str(error)

from ..core.deadline import nothing
from ..core.errors import ApiError, ConfigError, RunbookError, Unreachable
from ..core.redact import redact
from ..core.tls import trouble
from . import exposure, s3_streams
from .base import Conflict, Guarded, Permit, StoredObject, Unfinished, unguarded
from .s3_answers import endless, field, listed, malformed, refusal
from .s3_limits import ATTEMPT, STALL, attempt_seconds, bound, send, small
from .s3_streams import S3Writer, part_size

# The codes for a write whose condition did not hold; NoSuchKey answers If-Match on a missing object.
REFUSED = frozenset({"PreconditionFailed", "ConditionalRequestConflict", "NoSuchKey"})
READING = frozenset({"GET", "HEAD"})
RIGHTS = "s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket"


def open_session() -> Any:
    """Return a botocore session that loads the description of a service in half the usual time, which is
    longer than all requests to S3.
    """
    session = botocore.session.Session()
    session.register_component("data_loader", _descriptions(tuple(session.get_component("data_loader").search_paths)))
    return session


@cache
def _descriptions(paths: tuple[str, ...]) -> Any:
    """Return a loader of service descriptions in these folders. It caches them, and does not search 400
    folders for one.
    """

    class Files(JSONFileLoader):
        def load_file(self, file_path: str) -> Any:
            for path, opened in ((Path(f"{file_path}.json"), open), (Path(f"{file_path}.json.gz"), gzip.open)):
                if path.is_file():
                    with opened(path, "rb") as file:
                        return json.loads(file.read())
            return None

    class Descriptions(Loader):
        def list_available_services(self, type_name: str) -> list[str]:
            return [
                service.name
                for folder in map(Path, self.search_paths)
                if folder.is_dir()
                for service in folder.iterdir()
            ]

    return Descriptions(list(paths), Files(), include_default_search_paths=False)


def preload() -> None:
    """Read the description of S3 once for all modules; an unused client opens no connection."""
    if not BOTO3_ERROR:
        nothing_secret = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
        open_session().create_client("s3", region_name="us-east-1", **nothing_secret)


class S3Store(Guarded):
    """``bucket`` and ``key(name)`` identify an object for ``client``, a botocore client that threads can share.

    The client checks the lease before each attempt of a write, parts of an upload included, and limits the time of the
    attempt.
    """

    def __init__(
        self,
        bucket: str,
        prefix: str,
        *,
        endpoint_url: str | None = None,
        access_key: str | None = None,
        secret_key: str | None = None,
        region: str | None = None,
        before_write: Permit | None = unguarded,
    ) -> None:
        super().__init__(before_write)
        if BOTO3_ERROR:
            raise ConfigError(
                f"The store s3://{bucket} needs the Python library boto3, which is not installed for {sys.executable}."
                " Install it: pip install 'boto3>=1.36'.",
                code="missing_library",
            )
        if bool(access_key) != bool(secret_key):
            raise ConfigError(
                "store_access_key and store_secret_key belong together. Set both, or neither.", code="half_credentials"
            )
        self.bucket, self._prefix, self._endpoint = bucket, prefix, endpoint_url
        config = Config(
            connect_timeout=ATTEMPT,
            read_timeout=STALL,
            retries={"mode": "standard", "total_max_attempts": 3},
            # Services other than AWS support neither the bucket in the host name nor the newer checksums.
            s3={"addressing_style": "path"} if endpoint_url else {},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        self._dated: tuple[float, float] | None = None  # the store's time, and when its answer arrived
        with self.named_errors("opened"):
            session = open_session()
            self.client: Any = session.create_client(
                "s3",
                endpoint_url=endpoint_url,
                aws_access_key_id=access_key,
                aws_secret_access_key=secret_key,
                region_name=region,
                config=config,
            )
        bound(self.client)
        self.client.meta.events.register("before-send.s3", self._send_in_time)
        self.client.meta.events.register("after-call.s3", self._note_time)

    def describe(self) -> str:
        address = f"s3://{self.bucket}/{self._prefix}".rstrip("/")
        return redact(f"{address} at {self._endpoint}" if self._endpoint else address)

    def key(self, name: str) -> str:
        """Return the key of the object ``name`` in the bucket."""
        return f"{self._prefix}/{name}" if self._prefix else name

    def get(self, key: str) -> tuple[bytes, str] | None:
        with self.named_errors("read"):
            try:
                answer = self.client.get_object(Bucket=self.bucket, Key=self.key(key))
            except ClientError as error:
                if _code(error) == "NoSuchKey":
                    return None
                raise
            return small(answer["Body"], f"{key} in {self.describe()}"), self._etag(answer)

    def put_if_absent(self, key: str, data: bytes) -> str:
        return self._put(key, data, IfNoneMatch="*")

    def put_if_match(self, key: str, data: bytes, etag: str) -> str:
        return self._put(key, data, IfMatch=etag)

    def list(self, prefix: str = "") -> list[StoredObject]:
        with self.named_errors("listed"):
            request = {"Bucket": self.bucket, "Prefix": self.key(prefix)}
            return [
                self._entry(item)
                for item in listed(self.client, "list_objects_v2", "Contents", request, self.describe())
            ]

    def _entry(self, item: Any) -> StoredObject:
        key, size, modified = (
            field(item, name, kind, self.describe())
            for name, kind in (("Key", str), ("Size", int), ("LastModified", datetime))
        )
        return StoredObject(key.removeprefix(self.key("")), size, modified)

    def delete(self, key: str) -> None:
        with self.named_errors("written"):
            self.client.delete_object(Bucket=self.bucket, Key=self.key(key))

    def time(self) -> float | None:
        """Return the Date of the last answer, in whole seconds, plus the time since then."""
        return self._dated[0] + time.monotonic() - self._dated[1] if self._dated else None

    def open_writer(self, key: str, expected: int = 0) -> S3Writer:
        return S3Writer(self, key, part_size(expected))

    def read(self, key: str, tick: Callable[[], None] = nothing) -> Iterator[bytes]:
        return s3_streams.read(self, key, tick)

    def unfinished(self, prefix: str) -> Sequence[Unfinished]:
        return s3_streams.unfinished(self, prefix)

    def discard(self, left: Unfinished) -> None:
        s3_streams.discard(self, left)

    def refuse_public(self, warn: Callable[[str], None]) -> None:
        exposure.refuse_public(self, warn)

    def close(self) -> None:
        self.client.close()

    def _send_in_time(self, request: Any, **_unused: Any) -> Any:
        """Send an attempt within its time limit; a write also within the remaining time of the lease."""
        seconds = attempt_seconds(request)
        if request.method not in READING:
            seconds = min(seconds, self.permit(seconds))
        return send(self.client, request, seconds, self.describe())

    def _note_time(self, http_response: Any, **_unused: Any) -> None:
        try:
            date = parsedate_to_datetime(http_response.headers["date"]).timestamp()
        except (KeyError, ValueError, TypeError, OverflowError, AttributeError):
            self._dated = None
        else:
            self._dated = date, time.monotonic()

    def _put(self, key: str, data: bytes, **condition: str) -> str:
        with self.named_errors("written"):
            try:
                return self._etag(self.client.put_object(Bucket=self.bucket, Key=self.key(key), Body=data, **condition))
            except ClientError as error:
                if _code(error) in REFUSED:
                    found = self.get(key) if _tries(error) > 1 else None
                    if found and found[0] == data:  # by an earlier try, whose answer was lost
                        return found[1]
                    raise Conflict(
                        f"{key} in {self.describe()} was written by another process in the meantime. Run the play"
                        " again."
                    ) from None
                raise

    def _etag(self, answer: Any) -> str:
        if isinstance(answer.get("ETag"), str):
            return answer["ETag"]
        raise ApiError(
            f"{self.describe()} answered without an ETag, which every S3 service returns. Try again; if it happens"
            " again, check store_endpoint_url and any proxy in between.",
            code="malformed_body",
            retryable=True,
        )

    @contextmanager
    def named_errors(self, verb: str) -> Iterator[None]:
        """Convert botocore's exceptions to this collection's; ``verb`` is the failed action."""
        try:
            yield
        except ClientError as error:
            raise self._answered(error, verb) from None
        except (NoCredentialsError, PartialCredentialsError):
            raise ConfigError(
                f"There are no credentials for {self.describe()}. Set store_access_key and store_secret_key, or"
                " configure a profile or a role for boto3.",
                code="no_credentials",
            ) from None
        except (NoConnection, HTTPClientError) as error:
            if found := trouble(error, self.client.meta.endpoint_url, bundle="AWS_CA_BUNDLE"):
                where = f"{self.describe()} could not be {verb}"
                raise Unreachable(
                    f"{where}: {found.reason}. {found.advice}", code=found.code, retryable=found.retry
                ) from None
            raise Unreachable(
                f"{self.describe()} could not be {verb}: no answer ({type(error).__name__}). Check the network,"
                " store_endpoint_url and store_region.",
                code="connection",
                retryable=True,
            ) from None
        except PaginationError:
            raise endless(self.describe()) from None
        except ResponseParserError:
            raise malformed(self.describe(), "its answer cannot be read") from None
        except (BotoCoreError, ValueError) as error:
            raise ConfigError(
                f"{self.describe()} could not be {verb}: {redact(str(error))} Correct store, store_endpoint_url or"
                " store_region.",
                code="bad_store",
            ) from None

    def _answered(self, error: Any, verb: str) -> RunbookError:
        code, status, metadata = _code(error), _status(error), error.response.get("ResponseMetadata", {})
        details = {"code": code, "status": status, "request_id": metadata.get("RequestId")}
        where = self.describe()
        if code == "NoSuchBucket":
            return ConfigError(
                f"There is no bucket {self.bucket!r} for {where}. Create it, or correct store.", **details
            )
        refused = refusal(error.response, where, **details)
        if refused:
            return refused
        if status == 403:
            return ConfigError(
                f"{where} could not be {verb}: access denied. The credentials need {RIGHTS} there (s3:ListBucket on the"
                " bucket).",
                **details,
            )
        if status == 501 or code == "NotImplemented":
            return ConfigError(
                f"{where} does not support this request ({code}): it may be a store without conditional writes. Set"
                " store to a service that supports them.",
                **details,
            )
        message = redact(str(error.response.get("Error", {}).get("Message", "")))
        retryable = status is not None and (status == 429 or status >= 500)
        return ApiError(
            f"{where} could not be {verb}: {status} {code}: {message} Try again; if it happens again, ask the store's"
            " operator.",
            retryable=retryable,
            **details,
        )


def _code(error: Any) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))


def _status(error: Any) -> int | None:
    return error.response.get("ResponseMetadata", {}).get("HTTPStatusCode")


def _tries(error: Any) -> int:
    return 1 + error.response.get("ResponseMetadata", {}).get("RetryAttempts", 0)
