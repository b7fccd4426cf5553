# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scans a folder for secrets with kingfisher: without validating what it finds, without network, and redacted.

Without these switches kingfisher uses the keys that it finds at their vendors, and writes them to its report.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ..core.errors import CommandFailed, ConfigError
from ..core.json_text import loads
from ..core.process import run

INSTALL = "pip install kingfisher-bin"
SECONDS = 240
FOUND = (0, 200, 205)  # exit codes: nothing, findings, findings that are valid
# What kingfisher's own rules pass over: keys of Stripe's test mode, its publishable keys and the secrets of its
# webhooks, an AWS key id without its key, and the password in a database's address.
OWN: tuple[tuple[str, str, float], ...] = (
    ("stripe-test-key", r"\b((?:sk|rk)_test_[0-9A-Za-z]{10,})", 2.8),
    ("stripe-live-key", r"\b((?:sk|rk)_live_[0-9A-Za-z]{10,})", 2.8),
    ("stripe-publishable-key", r"\b(pk_live_[0-9A-Za-z]{10,})", 2.8),
    ("stripe-webhook-secret", r"\b(whsec_[0-9A-Za-z+/]{10,}={0,2})", 2.8),
    ("aws-access-key-id", r"\b((?:AKIA|ASIA)[0-9A-Z]{16})\b", 2.0),
    (
        "database-url",
        r"\b((?:postgres(?:ql)?|mysql|mariadb|mongodb(?:\+srv)?|rediss?|amqps?)://[^\s:/@'\x22]*:[^\s'\x22]+@[^\s'\x22]+)",
        0.0,
    ),
)
DATABASE_URL = re.compile(rf"{OWN[-1][1]}")
PARTS = re.compile(r"://(?P<user>[^:]*):(?P<password>.+)@(?P<host>\[[^\]]*\]|[^:/?]*)")
LOCAL = ("localhost", "127.0.0.1", "[::1]", "host.docker.internal")
PLACEHOLDERS = ("password", "passwd", "pass", "postgres", "root", "changeme", "change-me", "example", "xxx")


@dataclass(frozen=True)
class Finding:
    """``fingerprint`` stays the same where the line moves, and changes with the secret, the file and the rule."""

    rule: str
    file: str
    line: int
    fingerprint: str

    @property
    def shown(self) -> str:
        return f"{self.file}:{self.line} ({self.rule})"


def find(given: str | None) -> str:
    """Return the program: ``given``, the one on PATH, or the one beside this Python. Raises ConfigError."""
    beside = Path(sys.executable).parent / "kingfisher"
    program = shutil.which(Path(given).expanduser() if given else "kingfisher") or (
        str(beside) if beside.exists() and not given else None
    )
    if program is None:
        what = (
            f"kingfisher is {given!r}, which is not a program that can be run here"
            if given
            else "kingfisher is not installed"
        )
        raise ConfigError(
            f"{what}. Install it ({INSTALL}), or give the SARIF of another scanner.", code="no_kingfisher"
        )
    return program


def scan(program: str, folder: Path, scratch: Path) -> list[Finding]:
    """Return what is found in the files below ``folder``. Raises CommandFailed and WaitTimeout."""
    rules, report = scratch / "rules.yml", scratch / "report.json"
    rules.write_text(_rules())
    words = ["--no-validate", "--no-update-check", "--redact", "--no-ignore", "--no-dedup", "--git-history", "none"]
    words += ["--rules-path", str(rules), "--format", "json", "--output", str(report)]
    done = run([program, "scan", ".", *words], cwd=folder, check=False, timeout=SECONDS)
    if done.returncode not in FOUND:
        raise CommandFailed(
            f"kingfisher ended with exit code {done.returncode}, so the files were not scanned. Update it: {INSTALL}"
            " --upgrade",
            code=str(done.returncode),
        )
    try:
        found = loads(report.read_text())["findings"]
        return sorted(set(_findings(found, folder)), key=lambda one: (one.file, one.line, one.rule))
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        raise CommandFailed("kingfisher gave no report that can be read. Update it.", code="no_report") from None


def _rules() -> str:
    """Return our rules; JSON is YAML."""
    return json.dumps(
        {
            "rules": [
                {"id": f"runbook.{name}", "name": name, "pattern": pattern, "min_entropy": least, "confidence": "high"}
                for name, pattern, least in OWN
            ]
        }
    )


def _findings(found: list[Mapping[str, Any]], folder: Path) -> Iterator[Finding]:
    for one in found:
        rule = str(one["rule"]["id"]).rpartition(".")[2]
        file, number = str(one["finding"]["path"]).removeprefix("./"), int(one["finding"]["line"])
        text = _lines(folder / file, number)
        if rule == "database-url" and text and all(_is_harmless(url[0]) for url in DATABASE_URL.finditer(text)):
            continue
        yield Finding(rule, file, number, _fingerprint(rule, file, text or str(one["finding"]["fingerprint"])))


def _lines(file: Path, number: int) -> str:
    """Return the line of a finding, and the rest of a key that begins on it; empty where the file is packed."""
    try:
        lines = file.read_text(errors="surrogateescape").splitlines()[max(number - 1, 0) :]
    except OSError:
        return ""
    if not lines:
        return ""
    if "-----BEGIN" not in lines[0] or "-----END" in lines[0]:
        return lines[0].strip()
    end = next((at for at, line in enumerate(lines) if "-----END" in line), len(lines))
    return "\n".join(line.strip() for line in lines[: end + 1])


def _is_harmless(url: str) -> bool:
    """Return whether an address of a database has a placeholder for its password, or is one of this machine."""
    parts = PARTS.search(url)
    if parts is None:
        return False
    password = unquote(parts["password"]).lower()
    return (
        parts["host"].lower() in LOCAL
        or password in (*PLACEHOLDERS, unquote(parts["user"]).lower())
        or password.startswith(("$", "<", "{", "%", "*", "your"))
        or len(set(password)) == 1
    )


def _fingerprint(rule: str, file: str, text: str) -> str:
    """Return a digest from which a short password cannot be guessed quickly: it is in reports and in the ledger."""
    salt = hashlib.sha256(f"{rule}\0{file}".encode(errors="surrogateescape")).digest()
    return hashlib.scrypt(text.encode(errors="surrogateescape"), salt=salt, n=1 << 12, r=8, p=1, dklen=16).hex()
