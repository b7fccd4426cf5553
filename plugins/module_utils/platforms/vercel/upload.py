# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Create a deployment at Vercel from files or a commit: missing files are sent, and a lost answer does not
lead to a second deployment.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import PurePosixPath
from threading import Event
from typing import Any

from ...core.amounts import number
from ...core.errors import ApiError, ConfigError, RunbookError, Unreachable, may_have_happened
from ...core.http import CONNECTIONS, UPLOAD_RATE
from ...core.http_errors import body_of
from ...core.progress import Transfer
from ...core.shape import Mismatch, conform
from ...source.files import REGULAR, SMALL, SourceFile
from .client import Vercel
from .shapes import CREATED, MISSING, UPLOADED
from .states import Deployment, Project

FILES = 15_000  # the most files of one deployment; Vercel refuses more only after they are sent
ROUNDS = 5  # requests for a deployment: the first, after uploads, and after a lost answer
UPLOADS = CONNECTIONS  # parallel uploads: a small file is mostly waiting for the answer

Files = dict[str, tuple[str, SourceFile]]  # path in the upload: SHA-1 and file


def layout(files: Iterable[SourceFile], project: Project, root_directory: str) -> Files:
    """Return the files to upload. Vercel builds in the project's own root directory, so ``root_directory``
    is placed there.
    """
    built_in = PurePosixPath(project.get("rootDirectory") or ".")
    below = built_in if built_in == PurePosixPath(root_directory or ".") else PurePosixPath(".")
    before = "" if below == PurePosixPath(".") else f"{below}/"
    placed = {before + file.path: (file.sha1(), file) for file in files}
    if not any(PurePosixPath(path).is_relative_to(built_in) for path in placed):
        raise ConfigError(
            f"Vercel builds the project {project['name']} in {built_in} (its root directory at Vercel), but the source"
            f" has no such folder. Set root_directory to {built_in}, or change the project's root directory.",
            code="root_directory",
        )
    _refuse_too_many(placed)
    return placed


def _refuse_too_many(files: Iterable[str]) -> None:
    paths = list(files)
    if len(paths) > FILES:
        folders = Counter(str(PurePosixPath(*PurePosixPath(path).parts[:-1][:2])) for path in paths)
        most = ", ".join(f"{folder} ({count})" for folder, count in folders.most_common(3))
        raise ConfigError(
            f"There are {len(paths)} files to upload, but Vercel accepts {FILES} in a deployment; most of them are in"
            f" {most}. List the files that the build does not need in .vercelignore, or set root_directory, or let"
            " Vercel build from the linked Git repository: source=commit.",
            code="too_many_files",
        )


def digest(files: Files) -> str:
    """Return the SHA-256 of all paths, contents and modes. The mode of an ordinary file is left out, so
    that the digests of older deployments stay valid.
    """
    lines = (
        f"{'' if file.mode == REGULAR else f'{file.mode:o} '}{sha} {path}\n"
        for path, (sha, file) in sorted(files.items())
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def create(
    client: Vercel, project: Project, files: Files, meta: Mapping[str, str], source: Mapping[str, Any] | None = None
) -> tuple[Deployment, dict[str, int]]:
    """Create a deployment, for production unless ``meta`` names another environment. Send the files that Vercel does
    not have yet; return the deployment and how many ``files`` and ``bytes`` were sent.

    ``source`` replaces the files in the request where Vercel has them already, such as gitSource. When the answer is
    lost, look for the deployment before sending the request again.
    """
    listed = [{"file": path, "sha": sha, "size": file.size, "mode": file.mode} for path, (sha, file) in files.items()]
    body = {
        "name": project["name"],
        "project": project["id"],
        **_target(meta.get("environment")),
        **(source or {"files": listed}),
        "meta": dict(meta),
    }
    params = {"skipAutoDetectionConfirmation": 1, **({"forceNew": 1} if "run" in meta else {})}
    sent = {"files": 0, "bytes": 0}
    problem: RunbookError
    for _unused in range(ROUNDS):
        try:
            made = client.call("POST", "/v13/deployments", shape=CREATED, params=params, json=body)
            missing = _missing(made)
            if not missing:
                return made, sent
            problem = ApiError(
                f"Vercel still misses {number(len(missing), 'file')} after {ROUNDS} uploads. Run it again.",
                code="missing_files",
                retryable=True,
            )
        except ApiError as error:
            missing = _missing(body_of(error.response)) if error.code == "missing_files" else []
            if not missing and not may_have_happened(error):
                raise
            problem = error
        except Unreachable as error:
            missing, problem = [], error
        if missing:
            lacking = set(missing)
            _upload(client, {sha: file for sha, file in files.values() if sha in lacking}, sent)
        elif found := _find_again(client, project, meta):
            return found, sent
    raise problem


def _target(environment: str | None) -> dict[str, str]:
    """Return the fields of a request that name an environment; a preview needs none."""
    return {"production": {"target": "production"}, "preview": {}}.get(
        environment or "production", {"customEnvironmentSlugOrId": environment or ""}
    )


def _find_again(client: Vercel, project: Project, meta: Mapping[str, str]) -> Deployment | None:
    for pause in (0, 1, 3):  # a new deployment may not be listed at once
        client.waiter.sleep(pause)
        if found := client.find(project, meta):
            return found
    return None


def _upload(client: Vercel, files: Mapping[str, SourceFile], sent: dict[str, int]) -> None:
    pool = ThreadPoolExecutor(UPLOADS)
    transfer = Transfer(f"Upload of {number(len(files), 'file')} to Vercel", sum(file.size for file in files.values()))
    failed = Event()
    try:
        pending = {pool.submit(_send, client, sha, file, transfer, failed) for sha, file in files.items()}
        while pending:
            done, pending = wait(pending, timeout=5, return_when=FIRST_EXCEPTION)
            sent["bytes"] += sum(future.result() for future in done)
            sent["files"] += len(done)
            client.waiter.heartbeat()
    finally:
        pool.shutdown(cancel_futures=True)


def _send(client: Vercel, sha: str, file: SourceFile, transfer: Transfer, failed: Event) -> int:
    """Send a file, unless another one has ``failed``: then the deployment will not be created."""
    if failed.is_set():
        return 0
    headers = {"x-vercel-digest": sha, "Content-Type": "application/octet-stream"}
    seconds = client.api.timeout + file.size / UPLOAD_RATE
    try:
        client.call(
            "POST",
            "/v2/files",
            shape=UPLOADED,
            timeout=seconds,
            data=file.read() if file.size < SMALL else file.open,
            headers=headers,
            idempotent=True,
        )
    except Exception:
        failed.set()
        raise
    transfer.add(file.size)
    return file.size


def _missing(answer: Any) -> list[str]:
    """Return the digests of the files that Vercel requests; it sometimes does so with a 200."""
    try:
        problem_fields = conform(answer, MISSING)
    except Mismatch:
        return []
    return problem_fields.get("missing") or problem_fields.get("error", {}).get("missing") or []
