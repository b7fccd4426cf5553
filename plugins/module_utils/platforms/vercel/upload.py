# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A deployment on Vercel from files or a commit: what it lacks is sent, and a lost answer makes no second one."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from pathlib import PurePosixPath
from threading import Event
from typing import Any

from ...core.errors import ApiError, ConfigError, RunbookError, Unreachable, may_have_happened
from ...core.http import CONNECTIONS, UPLOAD_RATE
from ...core.http_errors import body_of
from ...core.progress import Transfer
from ...core.shape import Mismatch, conform
from ...source.files import REGULAR, SMALL, SourceFile
from .client import Vercel
from .shapes import CREATED, MISSING, UPLOADED
from .states import Deployment, Project

FILES = 15_000  # that one deployment may have; Vercel refuses more once they are sent
ROUNDS = 5  # how often a deployment is asked for: after uploads, after a lost answer
UPLOADS = CONNECTIONS  # at a time: a small file is not much more than the wait for its answer

Files = dict[str, tuple[str, SourceFile]]  # path in the upload: SHA-1 and file


def layout(files: Iterable[SourceFile], project: Project, root_directory: str) -> Files:
    """Return what to upload. Vercel builds in the project's own root directory, so that is where ``root_directory`` goes."""
    built_in = PurePosixPath(project.get("rootDirectory") or ".")
    below = built_in if built_in == PurePosixPath(root_directory or ".") else PurePosixPath(".")
    before = "" if below == PurePosixPath(".") else f"{below}/"
    placed = {before + file.path: (file.sha1(), file) for file in files}
    if not any(PurePosixPath(path).is_relative_to(built_in) for path in placed):
        raise ConfigError(
            f"The project {project['name']} is built in {built_in} (its root directory at Vercel), and the source has no such folder. "
            f"Set root_directory to {built_in}, or change the project's root directory.",
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
            f"There are {len(paths)} files to upload, and Vercel takes {FILES} in a deployment. Leave out what the build does not need in .vercelignore or set "
            f"root_directory; most of them are in {most}. Or have Vercel build from the Git repository that the project is linked to: source=commit.",
            code="too_many_files",
        )


def digest(files: Files) -> str:
    """Return one SHA-256 over all paths, contents and modes. An ordinary file's mode is not in it, so a tree of such has the digest that it always had."""
    lines = (f"{'' if file.mode == REGULAR else f'{file.mode:o} '}{sha} {path}\n" for path, (sha, file) in sorted(files.items()))
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def create(
    client: Vercel, project: Project, files: Files, meta: Mapping[str, str], source: Mapping[str, Any] | None = None
) -> tuple[Deployment, dict[str, int]]:
    """Make a deployment, for production unless ``meta`` names another environment, sending the files that Vercel does not hold yet; return it and how
    many ``files`` and ``bytes`` were sent.

    ``source`` is what the request says instead where Vercel has the files already, such as gitSource. When the answer is lost, the deployment is
    looked for before it is asked for again.
    """
    listed = [{"file": path, "sha": sha, "size": file.size, "mode": file.mode} for path, (sha, file) in files.items()]
    body = {"name": project["name"], "project": project["id"], **_target(meta.get("environment")), **(source or {"files": listed}), "meta": dict(meta)}
    params = {"skipAutoDetectionConfirmation": 1, **({"forceNew": 1} if "run" in meta else {})}
    sent = {"files": 0, "bytes": 0}
    problem: RunbookError
    for _unused in range(ROUNDS):
        try:
            made = client.call("POST", "/v13/deployments", shape=CREATED, params=params, json=body)
            missing = _missing(made)
            if not missing:
                return made, sent
            problem = ApiError(f"Vercel still misses {len(missing)} files after {ROUNDS} uploads. Run it again.", code="missing_files", retryable=True)
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
    """Return what a request says of an environment; a preview is what nothing is said of."""
    return {"production": {"target": "production"}, "preview": {}}.get(environment or "production", {"customEnvironmentSlugOrId": environment or ""})


def _find_again(client: Vercel, project: Project, meta: Mapping[str, str]) -> Deployment | None:
    for pause in (0, 1, 3):  # what was just made need not be listed at once
        client.waiter.sleep(pause)
        if found := client.find(project, meta):
            return found
    return None


def _upload(client: Vercel, files: Mapping[str, SourceFile], sent: dict[str, int]) -> None:
    pool = ThreadPoolExecutor(UPLOADS)
    transfer = Transfer(f"Upload of {len(files)} files to Vercel", sum(file.size for file in files.values()))
    failed = Event()
    try:
        pending = {pool.submit(_send, client, sha, file, transfer, failed) for sha, file in files.items()}
        while pending:
            done, pending = wait(pending, timeout=5, return_when=FIRST_EXCEPTION)
            sent["bytes"] += sum(future.result() for future in done)
            sent["files"] += len(done)
            client.waiter.beat()
    finally:
        pool.shutdown(cancel_futures=True)


def _send(client: Vercel, sha: str, file: SourceFile, transfer: Transfer, failed: Event) -> int:
    """Send a file, unless another one has ``failed``: the deployment will not be created then."""
    if failed.is_set():
        return 0
    headers = {"x-vercel-digest": sha, "Content-Type": "application/octet-stream"}
    seconds = client.api.timeout + file.size / UPLOAD_RATE
    try:
        client.call(
            "POST", "/v2/files", shape=UPLOADED, timeout=seconds, data=file.read() if file.size < SMALL else file.open, headers=headers, idempotent=True
        )
    except Exception:
        failed.set()
        raise
    transfer.add(file.size)
    return file.size


def _missing(answer: Any) -> list[str]:
    """Return the digests that Vercel asks for; it has been seen to do that with a 200 as well."""
    try:
        told = conform(answer, MISSING)
    except Mismatch:
        return []
    return told.get("missing") or told.get("error", {}).get("missing") or []
