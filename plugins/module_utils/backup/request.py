# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What kind of backup was asked for: its name, format and recipients. Bad input is refused here, before
anything changes.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from ..core.errors import ConfigError
from . import encryption
from .manifest import NAME

GIB = 1 << 30
# Measured at 1 GB on two cores, as multiples of pg_dump | gzip (10.7 s): one stream through zstd 0.35; a folder by two
# connections 0.22, and 0.1 more to compress and store it. So there it gains nothing. It does with more cores, once a
# dump takes long enough to outweigh a second pass over the disk.
DIRECTORY_FROM = 4 * GIB
DIRECTORY_CPUS = 4
FOUR_JOBS_FROM = 32 * GIB  # below that, two keep the disk of a small server busy and leave the shop the rest
LEVEL = 1  # of zstd, at every size: level 3 was slower and not smaller


@dataclass(frozen=True)
class Shape:
    """``scratch`` is a folder with room for the dump, needed by the format directory alone."""

    format: str
    jobs: int
    level: int
    scratch: Path


def choose_shape(params: Mapping[str, Any], database_size: int, *, cpus: int | None = None) -> Shape:
    """Return the format, jobs and level: as given, or as they suit a database of so many bytes. Raises ConfigError."""
    level = LEVEL if params["level"] is None else params["level"]
    if not 1 <= level <= 19:
        raise ConfigError(f"level is {level}. Give a level from 1 to 19.")
    jobs = params["jobs"]
    if jobs is not None and not 1 <= jobs <= 64:
        raise ConfigError(f"jobs is {jobs}. Give the number of connections that may dump at a time, from 1 to 64.")
    if jobs and jobs > 1 and params["format"] == "custom":
        raise ConfigError(
            "jobs applies to the format directory; the format custom is one stream. Remove jobs, or set format to"
            " directory."
        )
    scratch = Path(params["scratch_dir"] or tempfile.gettempdir())
    if not scratch.is_dir():
        raise ConfigError(f"The folder {scratch} does not exist. Correct scratch_dir.")
    room = shutil.disk_usage(scratch).free
    wanted = params["format"] or ("directory" if jobs and jobs > 1 else None)
    if wanted == "directory" and room < database_size:
        raise ConfigError(
            f"{scratch} has {room / 1e9:.1f} GB free, and a dump as a directory needs up to {database_size / 1e9:.1f}"
            " GB there. Name a larger folder as scratch_dir, or set format to custom, which needs no disk.",
            code="no_room",
        )
    pays = (
        database_size >= DIRECTORY_FROM and (cpus or os.cpu_count() or 1) >= DIRECTORY_CPUS and room > 2 * database_size
    )
    if wanted == "custom" or not (wanted or pays):
        return Shape("custom", 1, level, scratch)
    return Shape("directory", jobs or (4 if database_size >= FOUR_JOBS_FROM else 2), level, scratch)


def choose_name(params: Mapping[str, Any], database: str, started: datetime) -> str:
    """Return the name of the backup. Raises ConfigError for one that cannot be."""
    parts = [database, f"{started:%Y%m%dT%H%M%S}.{started.microsecond // 1000:03}Z", params["release"] or ""]
    name = params["name"] or "-".join(re.sub(r"[^A-Za-z0-9_.-]+", "_", part) for part in parts if part)
    if not NAME.fullmatch(name):
        raise ConfigError(f"{name!r} cannot name a backup. Use letters, digits, dots, dashes and underscores in name.")
    return name


def choose_recipients(params: Mapping[str, Any]) -> list[str]:
    """Return the public keys to encrypt to, none where encryption is off. Raises ConfigError where neither is given."""
    recipients = [key.strip() for key in params["recipients"] or []]
    if params["encryption"] == "off":
        if recipients:
            raise ConfigError(
                "encryption is off, and recipients are given. Remove one of the two.", code="no_encryption"
            )
        return []
    if not recipients:
        raise ConfigError(
            "No encryption recipients were given. Set recipients to the public keys (age1...) of age-keygen, whose"
            " secret keys are stored on other machines. For data that needs no protection set encryption: 'off'.",
            code="no_encryption",
        )
    encryption.parse_recipients(recipients)
    return recipients


def secret_keys(params: Mapping[str, Any]) -> list[str]:
    """Return what must never be shown of these options: each secret key, also one that is where a public
    key belongs.
    """
    texts = [*(params.get("recipients") or []), *(params.get("identity") or "").splitlines()]
    return [text for text in texts if encryption.SECRET_KEY in text.upper()]


def read_identity(params: Mapping[str, Any]) -> str | None:
    """Return the secret key in ``identity`` or in the file ``identity_file``. Raises ConfigError."""
    text = params["identity"]
    if params["identity_file"]:
        try:
            text = Path(params["identity_file"]).read_text()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not text"
            raise ConfigError(
                f"identity_file {params['identity_file']} cannot be read: {reason}. Correct its path or its rights."
            ) from None
    if text:
        encryption.parse_identity(text)
    return text or None


def refuse_undecodable(recipients: list[str], identity: str | None) -> None:
    """Raise ConfigError when a backup that is encrypted to ``recipients`` could not be decoded with ``identity``."""
    if not recipients:
        return
    if not identity:
        raise ConfigError(
            "verify is decode, and the backup is encrypted: this needs a secret key, as identity or identity_file."
            " Without one set verify: checksum here, and decode or restore the backup on a machine that has the key.",
            code="no_identity",
        )
    if not set(encryption.public_keys(encryption.parse_identity(identity))) & set(recipients):
        raise ConfigError(
            "identity is not the secret key of any of the recipients, so it cannot decode the backup. Give a key of one"
            " of them, or add its public key.",
            code="wrong_identity",
        )
