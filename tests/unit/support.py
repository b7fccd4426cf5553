# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests share: a vendor that is a plain function, a clock that nobody waits for, a module run in
this process.
"""

from __future__ import annotations

import contextlib
import io
import json as jsonlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from types import ModuleType
from typing import Any
from unittest import mock
from urllib.parse import parse_qsl, urlsplit

import requests
from ansible.module_utils.basic import AnsibleModule
from urllib3 import HTTPResponse
from urllib3.exceptions import MaxRetryError, NewConnectionError, ProtocolError, ReadTimeoutError

try:
    from ansible.module_utils.testing import patch_module_args
except ImportError:  # ansible-core 2.18 has none
    patch_module_args = None


@dataclass(frozen=True)
class Request:
    """A request as it left: ``query`` is decoded, ``body`` is bytes, ``timeout`` as the client set it."""

    method: str
    url: str
    headers: Mapping[str, str]
    body: bytes
    timeout: Any

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def path(self) -> str:
        return urlsplit(self.url).path

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))

    def json(self) -> Any:
        return jsonlib.loads(self.body)


Answer = requests.Response | Exception
Script = Callable[[Request], Answer] | Iterable[Answer]


def reply(
    status: int = 200, json: Any = None, *, text: str = "", headers: Mapping[str, str] | None = None
) -> requests.Response:
    """An answer with ``json`` as its body, or else ``text``."""
    response = requests.Response()
    response.status_code = status
    response.reason = HTTPStatus(status).phrase
    response.headers.update(
        {"Content-Type": "application/json" if json is not None else "text/html; charset=utf-8", **(headers or {})}
    )
    body = io.BytesIO(jsonlib.dumps(json).encode() if json is not None else text.encode())
    response.raw = HTTPResponse(body, preload_content=False, decode_content=False)
    response.encoding = "utf-8"
    return response


def never_left() -> Exception:
    """No connection was made, so the vendor cannot have acted."""
    return requests.ConnectionError(
        MaxRetryError(mock.Mock(), "/", NewConnectionError(mock.Mock(), "Connection refused"))
    )


def connect_timeout() -> Exception:
    return requests.ConnectTimeout()


def answer_lost() -> Exception:
    """The request left, and the connection broke before the answer came."""
    return requests.ConnectionError(
        ProtocolError("Connection aborted.", ConnectionResetError(104, "Connection reset by peer"))
    )


def answer_late() -> Exception:
    """The request left, and no answer came in time."""
    return requests.ReadTimeout(ReadTimeoutError(mock.Mock(), "/", "Read timed out."))


class FakeVendor(requests.adapters.BaseAdapter):
    """Every host at once, scripted by a function of the request, or by a list of answers used one after the other.

    ``requests`` has what was asked so far. Give a client ``vendor.session()``; ``with vendor.installed():`` puts it
    under every session there is, for modules.
    """

    def __init__(self, script: Script) -> None:
        super().__init__()
        self.requests: list[Request] = []
        self._answer = script if callable(script) else self._in_turn(iter(script))

    @staticmethod
    def _in_turn(answers: Any) -> Callable[[Request], Answer]:
        def answer(request: Request) -> Answer:
            try:
                return next(answers)
            except StopIteration:
                raise AssertionError(f"nobody expected {request.method} {request.url}") from None

        return answer

    def send(self, request: requests.PreparedRequest, *_: Any, timeout: Any = None, **__: Any) -> requests.Response:
        assert request.method
        assert request.url
        sent = Request(
            request.method,
            request.url,
            requests.structures.CaseInsensitiveDict(request.headers),
            _bytes(request.body),
            timeout,
        )
        self.requests.append(sent)
        answer = self._answer(sent)
        if isinstance(answer, Exception):
            raise answer
        answer.request, answer.url = request, request.url
        return answer

    def close(self) -> None:
        pass

    def session(self, secret_headers: Mapping[str, str] | None = None) -> requests.Session:
        """A session as the clients use it, whose requests all end here."""
        from ansible_collections.storefront.runbook.plugins.module_utils.core.http import make_session

        session = make_session(secret_headers or {})
        session.trust_env = False
        session.mount("http://", self)
        session.mount("https://", self)
        return session

    def installed(self) -> contextlib.AbstractContextManager[Any]:
        return mock.patch.object(requests.Session, "get_adapter", lambda session, url: self)


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    if isinstance(body, str):
        return body.encode()
    if isinstance(body, bytes):
        return body
    return body.read() if hasattr(body, "read") else b"".join(body)


@dataclass
class Clock:
    """Time that passes only when somebody sleeps. ``sleeps`` has what was slept. Hand over ``clock`` and
    ``clock.sleep``.
    """

    now: float = 1000.0
    sleeps: list[float] = field(default_factory=list)

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds


@contextlib.contextmanager
def as_a_module(arguments: Mapping[str, Any]) -> Iterator[None]:
    """Be the process of a module with these arguments, on each ansible-core."""
    with contextlib.ExitStack() as stack:
        if patch_module_args:
            stack.enter_context(patch_module_args(jsonlib.loads(jsonlib.dumps(arguments, default=str))))
        else:
            data = jsonlib.dumps({"ANSIBLE_MODULE_ARGS": arguments}, default=str).encode()
            stack.enter_context(mock.patch("ansible.module_utils.basic._ANSIBLE_ARGS", data))
        yield


def run_module(
    module: ModuleType, params: Mapping[str, Any], *, check: bool = False, diff: bool = True
) -> dict[str, Any]:
    """Run a module's ``main()`` here and return what Ansible would get, secrets masked; ``failed`` is always there, and
    ``warnings`` is a list of strings.

    With MODULES_RUN="in process" or "ordinary" it is a task of a play that runs it: so the integration tests run either
    way.
    """
    if way := os.environ.get("MODULES_RUN"):
        from tests.integration.in_process import run_in_play

        return run_in_play(module.__name__.rpartition(".")[2], params, way, check=check, diff=diff)
    arguments = {
        **params,
        "_ansible_check_mode": check,
        "_ansible_diff": diff,
        "_ansible_remote_tmp": "/tmp",
        "_ansible_tmpdir": "/tmp",
    }
    printed, warned = io.StringIO(), list[str]()
    with (
        as_a_module(arguments),
        mock.patch.object(AnsibleModule, "warn", lambda _module, warning, **_more: warned.append(warning)),
        contextlib.redirect_stdout(printed),
        contextlib.suppress(SystemExit),
    ):
        module.main()
    return {"failed": False, **jsonlib.loads(printed.getvalue()), "warnings": list(dict.fromkeys(warned))}
