# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Start a sandbox, show its status, and stop it."""

from __future__ import annotations

import secrets
import shutil
import uuid
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from . import process, repository, tools
from .order import Order
from .services import SERVERS, Server
from .state import SandboxError, assign_ports, folder_of, is_free, locked, read, write
from .storefront import Sandbox

PATIENCE = 60  # seconds for a server to become healthy: two cores may be busy with builds
HUNG = 5  # seconds after which a server that runs and does not answer is replaced

Say = Callable[[str], None]
PRINT = partial(print, flush=True)  # each line as it happens, into a pipe as well


def up(name: str, say: Say = PRINT, backend: str = "railway", order: Order | None = None) -> Sandbox:
    """Start the sandbox ``name``, or the servers of it that do not run, and return it. A new shop has its backend at
    ``backend``, railway or render.

    The shop is the one in ``order``, else the one that the sandbox already runs, else the example shop.
    """
    folder = folder_of(name)
    with locked(name, lambda: say(f"Waiting for another command on the sandbox {name!r} ...")):
        state = read(folder / "state.json")
        fresh = state is None
        if state is None:
            _forget(folder)
            state = _new_state(name, folder)
        elif order:
            _refuse_another(name, state.get("shop", {}).get("repository"), order["repository"])
        _complete(state, folder)
        state["shop"] = order or state.get("shop") or {}
        write(folder / "state.json", state)
        servers = _servers(folder, state)
        begun: list[Server] = []
        try:
            for server in servers:
                if _is_well(server, HUNG):
                    say(f"{server.name:10} runs already (process {state['processes'][server.name]['pid']})")
                else:
                    begun.append(server)
                    _start(server, say)
            for server in begun:
                _await(server)
            if "shop" not in state["shop"]:
                state["shop"] = {"repository": str(folder / "shop"), "releases": repository.build(folder / "shop")}
                write(folder / "state.json", state)
            say(
                f"{'repository':10} has the releases"
                f" {', '.join(state['shop']['releases']) or '(no tags; deploy a branch or a commit)'}"
            )
            for note in state["shop"].get("notes", ()):
                say(f"{'shop':10} {note}")
            sandbox = Sandbox(name, state)
            for storefront in [*state["storefronts"]] or ["shop"]:
                sandbox.provision(storefront, backend)
                say(f"{storefront:10} is set up at the platforms, with its own database, Redis and store")
        except BaseException:
            for server in reversed(begun):
                _stop(server)
            if fresh:
                _forget(folder)
            raise
    return sandbox


def _refuse_another(name: str, there: str | None, wanted: str) -> None:
    if there != wanted:
        raise SandboxError(
            f"The sandbox {name!r} runs the shop {there or 'of an earlier version'}. Run this one in a sandbox of its"
            f" own (--name NAME), or stop the other first: python -m sandbox down --name {name}."
        )


def down(name: str, say: Say = PRINT) -> None:
    """Stop the sandbox ``name`` and delete its data. Its ports, its logs and the build cache stay."""
    folder = folder_of(name)
    with locked(name, lambda: say(f"Waiting for another command on the sandbox {name!r} ...")):
        state = read(folder / "state.json")
        if state is None:
            say(f"The sandbox {name!r} is not up.")
            return
        # the platforms before the databases, which their units want to leave in order
        for server in _servers(folder, state):
            say(f"{server.name:10} {'stopped' if _stop(server) else 'did not run'}")
        _forget(folder)


def clean(name: str, say: Say = PRINT) -> None:
    """Stop the sandbox ``name`` and delete its folder."""
    down(name, say)
    with locked(name):
        shutil.rmtree(folder_of(name), ignore_errors=True)


def status(name: str) -> list[dict[str, Any]]:
    """Return name, pid, ports and health of each server of the sandbox ``name``; an empty list when it is not up."""
    folder = folder_of(name)
    state = read(folder / "state.json")
    if state is None:
        return []
    return [
        {
            "name": server.name,
            "pid": state["processes"].get(server.name, {}).get("pid"),
            "ports": list(server.ports.values()),
            "healthy": _is_well(server),
        }
        for server in _servers(folder, state)
    ]


def _servers(folder: Path, state: dict[str, Any]) -> list[Server]:
    known = read(folder / "ports.json")
    lacking = [port for server in SERVERS for port in server.port_names if port not in known]
    ports = {**known, **(assign_ports(folder, lacking) if lacking else {})}  # an older version of the sandbox had fewer
    return [server(state, ports) for server in SERVERS]


def _new_state(name: str, folder: Path) -> dict[str, Any]:
    """Choose the ports and secrets of a new sandbox."""
    ports = assign_ports(folder, [port for server in SERVERS for port in server.port_names])
    password, redis_password = secrets.token_hex(16), secrets.token_hex(16)
    at = {port: f"http://127.0.0.1:{number}" for port, number in ports.items()}
    return {
        "name": name,
        "root": str(folder),
        "processes": {},
        "postgres": {
            "host": "127.0.0.1",
            "port": ports["postgres"],
            "user": "shop_admin",
            "password": password,
            "url": f"postgresql://shop_admin:{password}@127.0.0.1:{ports['postgres']}/postgres",
            "bin": str(tools.postgres_bin()),
        },
        "redis": {"url": f"redis://:{redis_password}@127.0.0.1:{ports['redis']}/0"},
        "s3": {
            "endpoint_url": at["s3"],
            "access_key": secrets.token_hex(10).upper(),
            "secret_key": secrets.token_hex(20),
            "region": "us-east-1",
        },
        "cloud": {
            "control_url": at["control"],
            "vercel_url": at["vercel"],
            "railway_url": at["railway"],
            "render_url": f"{at['render']}/v1",
            "cloudflare_url": f"{at['cloudflare']}/client/v4",
            "objects_url": at["objects"],
            "github_url": at["github"],
            "slack_url": f"{at['slack']}/api",
            "sentry_url": at["sentry"],
            "npm_url": at["npm"],
            **_extra_addresses(ports),
            "control_token": secrets.token_hex(20),
        },
        "tokens": {
            **{"vercel": secrets.token_hex(12), "railway": str(uuid.uuid4()), "cloudflare": secrets.token_hex(20)},
            "render": f"rnd_{secrets.token_hex(14)}",
            **{
                "github": f"ghp_{secrets.token_hex(18)}",
                "slack": f"xoxb-{secrets.token_hex(20)}",
                "sentry": f"sntrys_{secrets.token_hex(20)}",
            },
            **_extra_tokens(),
        },
        "storefronts": {},
    }


def _complete(state: dict[str, Any], folder: Path) -> None:
    """Add what a state of an earlier version lacks: it had no payments and no mail."""
    ports = assign_ports(folder, ["stripe", "mail", "smtp"]) if "stripe_url" not in state["cloud"] else {}
    if ports:
        state["cloud"] |= _extra_addresses(ports)
        state["tokens"] |= _extra_tokens()


def _extra_addresses(ports: dict[str, int]) -> dict[str, str]:
    """Return the addresses of what the shop itself uses: payments and mail."""
    urls = {f"{name}_url": f"http://127.0.0.1:{ports[name]}" for name in ("stripe", "mail")}
    return {**urls, "smtp_url": f"smtp://127.0.0.1:{ports['smtp']}"}


def _extra_tokens() -> dict[str, str]:
    return {"stripe": f"sk_test_{secrets.token_hex(16)}", "mail": secrets.token_hex(16)}


def _start(server: Server, say: Say) -> None:
    """Replace what is left of a server by a new process. Its record is in state.json before it runs."""
    again = server.name in server.state["processes"]
    _stop(server)
    for port in server.ports.values():
        if not process.wait_until(lambda port=port: is_free(port), HUNG):  # type: ignore[misc]  # a killed program's threads hold it a moment
            raise SandboxError(
                f"Port {port} of {server.name} is taken by another program. Stop that program, or run `python -m"
                " sandbox down` and `up`."
            )
    server.prepare()

    def keep(record: process.Record) -> None:
        server.state["processes"][server.name] = record
        write(Path(server.state["root"]) / "state.json", server.state)

    record = process.launch(server.command(), log=server.log, cwd=server.cwd, keep=keep)
    ports = ", ".join(map(str, server.ports.values()))
    say(f"{server.name:10} {'started again' if again else 'started'} (process {record['pid']}, 127.0.0.1:{ports})")


def _await(server: Server) -> None:
    if not _is_well(server, PATIENCE):
        ended = (
            "ended"
            if not process.is_alive(server.state["processes"][server.name])
            else f"did not answer within {PATIENCE} s"
        )
        raise SandboxError(f"{server.name} {ended}. The end of its log {server.log}:\n{_tail(server.log)}")


def _is_well(server: Server, patience: float = 0) -> bool:
    """Return whether the recorded process runs and answers within ``patience`` seconds."""
    record = server.state["processes"].get(server.name)

    def settled() -> bool:
        return not process.is_alive(record) or _answers(server)

    return process.wait_until(settled, patience) and process.is_alive(record)


def _answers(server: Server) -> bool:
    with suppress(Exception):  # whatever a client library raises: the server does not answer
        server.check()
        return True
    return False


def _stop(server: Server) -> bool:
    was_running = process.stop(server.state["processes"].get(server.name), by=server.stop_signal, patience=server.grace)
    server.end_orphans()
    return was_running


def _forget(folder: Path) -> None:
    """Delete the servers' data, then the state that describes it."""
    for server in SERVERS:
        shutil.rmtree(folder / server.name, ignore_errors=True)
    (folder / "cloud.json").unlink(missing_ok=True)
    (folder / "state.json").unlink(missing_ok=True)


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:]) if log.exists() else "(no log)"
