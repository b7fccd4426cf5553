# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What each playbook needs of each system, and no more. Scenarios play with exactly these credentials, and
docs/rights.md is written from this file: UPDATE_DOCS=1 pytest tests/unit/test_rights.py.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Scopes = Mapping[str, tuple[str, ...]]

PURGE = ("cache_purge", "zone:read")
EDGE = ("analytics:read", "zone:read", "zone_settings:read")
MAINTENANCE = ("workers_routes:edit", "workers_scripts:edit", "zone:read")
CHECKS = ("actions:read", "checks:read", "pull_requests:read", "statuses:read")
DEPLOYMENTS = ("deployments:write",)
ERRORS = ("event:read", "org:read")
RELEASES = ("project:releases",)
MESSAGES = ("chat:write",)
ANSWERS = ("channels:history", "chat:write")
TOLD: Scopes = {"github": DEPLOYMENTS, "slack": MESSAGES, "sentry": RELEASES}
JUDGED: Scopes = {"github": CHECKS + DEPLOYMENTS, "slack": ANSWERS, "sentry": ERRORS + RELEASES}

READER, OBSERVER, OWNER, CREATOR, ROTATOR = "reader", "observer", "owner", "creator", "rotator"
STATEMENTS = {
    READER: """\
CREATE ROLE {role} LOGIN PASSWORD '{password}';
GRANT CONNECT ON DATABASE {database} TO {role};
GRANT pg_read_all_data TO {role};
""",
    OBSERVER: """\
CREATE ROLE {role} LOGIN PASSWORD '{password}';
GRANT CONNECT ON DATABASE {database} TO {role};
GRANT pg_read_all_data, pg_read_all_stats TO {role};
""",
    OWNER: """\
CREATE ROLE {role} LOGIN PASSWORD '{password}';
ALTER DATABASE {database} OWNER TO {role};
""",
    CREATOR: """\
CREATE ROLE {role} LOGIN CREATEDB PASSWORD '{password}';
ALTER DATABASE {database} OWNER TO {role};
""",
}
READS, FLUSHES = "reads", "flushes"
REDIS = {
    READS: "+ping +info +scan +type +ttl +memory|usage +cluster|slots +cluster|nodes ~*",
    FLUSHES: "+ping +info +scan +type +ttl +memory|usage +unlink +cluster|slots +cluster|nodes ~*",
    ROTATOR: "+acl|getuser +acl|setuser +acl|whoami +acl|save +client|list +config|get +info +ping",
}
# What is written in parts, to which no condition applies. All else is written on a condition.
STREAMED = ("backups", "masked", "safety")
DELETED = (*STREAMED, "ledger", "levers", "probe", "watch")


@dataclass(frozen=True)
class Rights:
    """``platform``: whether it needs the tokens of Vercel and of the backend's platform. ``store``: reads, writes or
    empty. ``sql`` and ``redis`` name a set of rights. ``scopes`` are those of the other vendors. ``played`` is the
    scenario that plays it with these credentials.
    """

    platform: bool = True
    store: str = "reads"
    sql: str = ""
    redis: str = ""
    scopes: Scopes = field(default_factory=dict)
    played: str = ""


SEEN: Scopes = {"cloudflare": EDGE, "sentry": ERRORS}  # by the pages of the desk
LEVER: Scopes = {"slack": MESSAGES}
DEPLOY: Scopes = {**JUDGED, "cloudflare": PURGE + EDGE}

RIGHTS: dict[str, Rights] = {
    "preflight": Rights(store="writes", sql=OWNER, scopes={"github": CHECKS, "sentry": ERRORS, "cloudflare": EDGE}),
    "deploy": Rights(store="writes", sql=OWNER, scopes=DEPLOY, played="molecule/test_deploy.py"),
    "rollback": Rights(
        store="writes", sql=READER, scopes={**TOLD, "cloudflare": PURGE}, played="molecule/test_rollback.py"
    ),
    "watch": Rights(store="writes", sql=READER, scopes={"cloudflare": PURGE, "sentry": ERRORS}),
    "backup": Rights(platform=False, store="writes", sql=READER, played="molecule/test_screen_playbooks.py"),
    "prove": Rights(platform=False, store="writes", sql=CREATOR),
    "restore": Rights(
        store="writes",
        sql=CREATOR,
        scopes={"slack": MESSAGES, "cloudflare": MAINTENANCE},
        played="molecule/test_restore.py",
    ),
    "migrate": Rights(store="writes", sql=OWNER, scopes=TOLD),
    "refresh": Rights(store="writes", sql=CREATOR, scopes=LEVER),
    "seed": Rights(store="writes", sql=OWNER, scopes=LEVER),
    "maintenance": Rights(store="writes", scopes={"slack": MESSAGES, "cloudflare": MAINTENANCE}),
    "scale": Rights(store="writes", scopes=LEVER),
    "restart": Rights(store="writes", scopes=LEVER),
    "variables": Rights(store="writes", scopes=LEVER),
    "secrets": Rights(store="writes", sql=ROTATOR, redis=ROTATOR, scopes=LEVER),
    "verify": Rights(store="writes", sql=READER, scopes={"cloudflare": EDGE, "slack": MESSAGES}),
    "status": Rights(sql=OBSERVER, redis=READS, scopes=SEEN),
    "diagnose": Rights(sql=OBSERVER, redis=READS, scopes=SEEN),
    "releases": Rights(scopes={"sentry": ERRORS}),
    "logs": Rights(store=""),
    "database": Rights(platform=False, store="", sql=OBSERVER),
    "redis": Rights(platform=False, store="", redis=FLUSHES),
    "backups": Rights(platform=False),
    "approve": Rights(platform=False, store="writes"),
    "evidence": Rights(platform=False),
    "figures": Rights(platform=False),
    "init": Rights(store="", scopes={"cloudflare": ("zone:read",)}),
}


def policy(kind: str, bucket: str, storefront: str) -> dict[str, Any]:
    """Return the policy of S3 for a user that ``reads`` or ``writes`` a storefront's store."""
    whole, below = f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/{storefront}"
    prefix = {"StringLike": {"s3:prefix": f"{storefront}/*"}}
    statements: list[dict[str, Any]] = [
        {"Effect": "Allow", "Action": ["s3:ListBucket"], "Resource": whole, "Condition": prefix},
        {"Effect": "Allow", "Action": ["s3:GetObject"], "Resource": f"{below}/*"},
    ]
    if kind == "reads":
        return {"Version": "2012-10-17", "Statement": statements}
    settings = [f"s3:GetBucket{name}" for name in ("PublicAccessBlock", "PolicyStatus", "Policy", "Acl")]
    unconditional = {"Null": {"s3:if-match": "true", "s3:if-none-match": "true"}}
    statements += [
        {"Effect": "Allow", "Action": ["s3:ListBucketMultipartUploads", *settings], "Resource": whole},
        {"Effect": "Allow", "Action": ["s3:PutObject", "s3:AbortMultipartUpload"], "Resource": f"{below}/*"},
        {
            "Effect": "Allow",
            "Action": ["s3:DeleteObject"],
            "Resource": [*(f"{below}/{name}/*" for name in DELETED), f"{below}/maintenance.json"],
        },
        {
            "Sid": "NoWriteWithoutACondition",
            "Effect": "Deny",
            "Action": ["s3:PutObject"],
            "NotResource": [f"{below}/{name}/*" for name in STREAMED],
            "Condition": unconditional,
        },
    ]
    return {"Version": "2012-10-17", "Statement": statements}


def statements_of(rights: str) -> list[str]:
    return [line.strip() for line in STATEMENTS[rights].split(";") if line.strip()]


def table() -> str:
    """Return the rows of docs/rights.md."""
    heads = (
        "playbook",
        "Vercel, Railway",
        "store",
        "PostgreSQL",
        "Redis",
        "Cloudflare",
        "GitHub",
        "Sentry",
        "Slack",
        "played",
    )
    lines = [_row(*heads), _row(*("---" for _unused in heads))]
    for name, one in RIGHTS.items():
        cells = [
            ", ".join(f"`{scope}`" for scope in sorted({*one.scopes.get(vendor, ())}))
            for vendor in ("cloudflare", "github", "sentry", "slack")
        ]
        played = f"`{one.played}`" if one.played else ""
        lines.append(
            _row(f"`{name}.yml`", "yes" if one.platform else "", one.store, one.sql, one.redis, *cells, played)
        )
    return "\n".join(lines) + "\n"


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def written() -> str:
    """Return what docs/rights.md has between its marks."""
    parts = [table(), "## The roles of PostgreSQL\n"]
    for name, text in STATEMENTS.items():
        parts.append(f"`{name}`:\n\n```sql\n{text.format(role='runbook', password='…', database='shop')}```\n")
    users = "\n".join(_row(f"`{name}`", f"`{rights}`") for name, rights in REDIS.items())
    parts.append(f"## The users of Redis\n\n| user | rights |\n|---|---|\n{users}\n")
    parts.append("## The policies of S3\n")
    for kind in ("reads", "writes"):
        parts.append(f"`{kind}`:\n\n```json\n{_json(policy(kind, 'acme-releases', 'shop'))}\n```\n")
    return "\n".join(parts)


def _json(value: Any) -> str:
    """Return a policy with each statement on a few lines."""
    lines = [json.dumps(one) for one in value["Statement"]]
    body = ",\n    ".join(lines)
    return f'{{\n  "Version": "{value["Version"]}",\n  "Statement": [\n    {body}\n  ]\n}}'
