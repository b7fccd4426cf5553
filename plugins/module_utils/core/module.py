# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where plan and apply meet Ansible: check mode, diff, errors, secrets and the lease, once for every module."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Protocol

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from . import progress
from .errors import ConfigError, RunbookError
from .internal import internal
from .plan import Plan
from .redact import SHORTEST, all_forms, redact
from .urls import hidden_secrets, proxy_secrets
from .wait import nothing


class Guard(Protocol):
    """What lets a module write: see release/lease.py."""

    def heartbeat(self) -> None:
        """Renew the lease; raise LeaseLost when this run does not hold it any more."""

    def before_write(self, seconds: float) -> float:
        """Renew the lease for a write of ``seconds``; return the seconds that the write may take, or raise
        LeaseLost.
        """

    def note(self, text: str) -> None:
        """Keep how far a long work is, for the next renewal."""


def unlimited(seconds: float) -> float:
    """Stand for ``Guard.before_write`` where no lease was given: the write may take all of its seconds."""
    return seconds


@dataclass(frozen=True)
class Runtime:
    """What a client may call back: ``warn(text)`` for the operator, ``heartbeat()`` on each turn of a wait.

    ``before_write(seconds)`` is for the client itself, before every attempt of a write: it returns the seconds that the
    attempt may take. ``note(text)`` reports the progress of long work: on the screen, in the controller's system log
    and in the lease's journal.
    """

    warn: Callable[[str], None] = nothing
    note: Callable[[str], None] = nothing
    heartbeat: Callable[[], None] = nothing
    before_write: Callable[[float], float] = unlimited
    check_mode: bool = False

    @property
    def permit(self) -> Callable[[float], float] | None:
        """What the store is opened with, so that each write asks the lease; None in check mode, in which it
        only reads.
        """
        return None if self.check_mode else self.before_write


class Module(AnsibleModule):
    """Ansible refuses a wrong option with a text alone. Here each failure has its error, by which a role sees it."""

    def fail_json(self, msg: str, **results: Any) -> None:
        super().fail_json(msg, **{"error": ConfigError(msg, code="bad_options").details, **results})


def run(
    argument_spec: Mapping[str, Any],
    build_client: Callable[[dict[str, Any], Runtime], Any],
    plan: Callable[[dict[str, Any], Any], Plan],
    apply: Callable[[Plan, Any], Mapping[str, Any] | None],
    *,
    guard: Callable[[dict[str, Any]], Guard | None] = lambda params: None,
    secrets: Callable[[dict[str, Any]], Iterable[str]] = lambda params: (),
    libraries: Mapping[str, str | None] | None = None,
    **constraints: Any,
) -> None:
    """Run a module.

    ``libraries`` maps a PyPI name to why it could not be imported (None when it could). ``secrets`` adds what is hidden
    inside of an option, such as a URL's password. ``guard`` gives the lease to renew before writing. ``constraints`` go
    to AnsibleModule (required_if, mutually_exclusive, …).
    """
    module = Module(argument_spec=dict(argument_spec), supports_check_mode=True, **constraints)
    for library, problem in (libraries or {}).items():
        if problem:
            module.fail_json(msg=missing_required_lib(library), exception=problem)
    began = time.monotonic()
    try:
        mask = _hide(module, secrets)
    except Exception as error:  # what is secret in the options is not known, so none of them is shown
        _fail(module, error, began, redact, invocation={})
    try:
        _end(module, began, _carry_out(module, _runtime(module, mask, guard), build_client, plan, apply))
    except Exception as error:
        _fail(module, error, began, mask)


def _hide(module: AnsibleModule, secrets: Callable[[dict[str, Any]], Iterable[str]]) -> Callable[[str], str]:
    """Let Ansible mask in results each form of each secret, those in addresses included, and return what
    masks any other text.
    """
    params = module.params
    hidden = {
        secret
        for secret in (*module.no_log_values, *secrets(params), *hidden_secrets(params), *proxy_secrets())
        if secret and len(secret) >= SHORTEST
    }
    module.no_log_values = all_forms(hidden)
    progress.secrets = hidden
    return lambda text: redact(text, hidden)


def _runtime(module: AnsibleModule, mask: Callable[[str], str], guard: Callable[..., Guard | None]) -> Runtime:
    held = guard(module.params) if not module.check_mode else None
    return Runtime(
        warn=lambda text: module.warn(mask(text)),  # Ansible masks results, but not warnings
        note=lambda text: _note(module, held, mask(text)),
        heartbeat=_one_at_a_time(held.heartbeat) if held else nothing,
        before_write=held.before_write if held else unlimited,
        check_mode=module.check_mode,
    )


def _carry_out(
    module: AnsibleModule,
    runtime: Runtime,
    build_client: Callable[..., Any],
    plan: Callable[..., Plan],
    apply: Callable[..., Any],
) -> dict[str, Any]:
    """Return what the task returns. Raises whatever the module does; what closing raises only where nothing
    else went wrong.
    """
    client = build_client(module.params, runtime)
    try:
        intent = plan(module.params, client)
        result = dict(intent.result)
        if intent.changed and not module.check_mode:
            runtime.heartbeat()
            result.update(apply(intent, client) or {})
    except BaseException:
        with suppress(Exception):  # the first error is the one to report
            _close(client)
        raise
    if intent.skipped:
        result.update(skipped=True, skip_reason=intent.skipped, msg=intent.skipped)
    result.setdefault("changed", intent.changed)
    result.setdefault("diff", {"before": _text(intent.before), "after": _text(intent.after)})
    try:
        _close(client)
    except Exception as error:
        raise Unfinished(result) from error
    return result


class Unfinished(Exception):
    """All was done, and then the client could not be closed; ``result`` is what was done."""

    def __init__(self, result: dict[str, Any]) -> None:
        super().__init__()
        self.result = result


def _close(client: Any) -> None:
    close = getattr(client, "close", None)
    if close:
        close()


def _one_at_a_time(heartbeat: Callable[[], None]) -> Callable[[], None]:
    """Return ``heartbeat`` for several threads: while one renews the lease, the others need not."""
    busy = threading.Lock()

    def renew() -> None:
        if busy.acquire(blocking=False):
            try:
                heartbeat()
            finally:
                busy.release()

    return renew


def _end(module: AnsibleModule, began: float, result: dict[str, Any]) -> None:
    module.exit_json(elapsed=round(time.monotonic() - began, 3), **result)


def _fail(module: AnsibleModule, error: Exception, began: float, mask: Callable[[str], str], **results: Any) -> None:
    """Fail the task. Of an unforeseen error only its type and place are reported: its text may contain anything."""
    result: dict[str, Any] = {}
    if isinstance(error, Unfinished):
        result, error = error.result, error.__cause__ or error  # type: ignore[assignment]
    known = error if isinstance(error, RunbookError) else internal(error)
    try:
        elapsed = round(time.monotonic() - began, 3)
        details = {name: mask(value) if isinstance(value, str) else value for name, value in known.details.items()}
        module.fail_json(
            **{**results, **result, **known.result, "msg": mask(str(known)), "error": details, "elapsed": elapsed}
        )
    except Exception as unprintable:
        known = internal(unprintable)
        module.fail_json(msg=str(known), error=known.details, **results)


def _note(module: AnsibleModule, held: Guard | None, text: str) -> None:
    progress.report(text)
    module.log(text)
    if held:
        held.note(text)


def _text(shown: Any) -> Any:
    return shown if isinstance(shown, str) else {key: value for key, value in shown.items() if value is not None}
