# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands: python -m sandbox up|fill|status|down|clean|tools."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .state import CHECKOUT, SandboxError, folder_of

DESCRIPTION = "PostgreSQL, Redis, S3 and a double of the vendors' APIs on 127.0.0.1, with an example shop to deploy."


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="python -m sandbox", description=DESCRIPTION)
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, text in {
        "up": "start the sandbox, or the servers of it that do not run",
        "fill": "put a few products into the database of the shop, on which a release is live",
        "status": "show the servers; the exit code is 0 when all are healthy",
        "down": "stop the sandbox and delete its data",
        "clean": "stop the sandbox and delete its folder",
    }.items():
        command = commands.add_parser(name, help=text, description=text)
        command.add_argument("--name", default="default", help="which sandbox (default: default)")
        if name == "up":
            command.add_argument(
                "--shop",
                type=folder,
                metavar="PATH",
                help="run the shop in this git repository instead of the example shop",
            )
            command.add_argument(
                "--set", action="append", default=[], metavar="UNIT.SETTING=VALUE", dest="settings",
                help="override a setting from the shop's files, such as api.health=/healthz (docs/sandbox.md lists them)",  # noqa: E501
            )  # fmt: skip
            command.add_argument(
                "--online",
                action="store_true",
                help="let the shop's installation and build download programs that npm does not have",
            )
            command.add_argument(
                "--backend",
                choices=("railway", "render"),
                default="railway",
                help="where a new shop's backend runs (default: railway)",
            )
    text = "show the programs the sandbox runs and what this machine lacks"
    commands.add_parser("tools", help=text, description=text).add_argument(
        "--missing", action="store_true", help="only print the lock files of the PyPI packages that this machine lacks"
    )
    return top


def folder(text: str) -> Path:
    """Return the path in an option. An empty one, as of a variable that is not set, would be the current folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError("the path is empty: name the top of the shop's git repository")
    return Path(text).expanduser()


def main() -> int:
    arguments = parser().parse_args()
    try:
        if arguments.command == "tools":
            return show_tools(arguments.missing)
        return run(arguments)
    except SandboxError as error:
        print(f"sandbox: {error}", file=sys.stderr)
    except ModuleNotFoundError as error:
        print(
            f"sandbox: the Python package {error.name} is missing: run `make setup`, then use .venv/bin/python.",
            file=sys.stderr,
        )
    except KeyboardInterrupt:
        print("sandbox: interrupted; the servers that this command had started are stopped.", file=sys.stderr)
    return 1


def show_tools(missing_only: bool) -> int:
    from . import tools

    problems = tools.problems()
    if missing_only:
        print("\n".join(map(str, tools.locks())))
    else:
        for label, find in (
            ("PostgreSQL", tools.postgres_bin),
            ("Redis", tools.redis_server),
            ("Node", tools.node_bin),
        ):
            try:
                print(f"{label:10} {find()}")
            except SandboxError as error:
                problems.append(str(error))
    for problem in problems:
        print(f"sandbox: {problem}", file=sys.stderr)
    return 1 if problems else 0


def run(arguments: argparse.Namespace) -> int:
    from . import lifecycle

    command, name = arguments.command, arguments.name
    if command == "up":
        sandbox = lifecycle.up(name, backend=arguments.backend, order=order_of(arguments))
        print(f"\nThe sandbox {name!r} is up.")
        for line in addresses(sandbox.storefront()):
            print(f"  {line}")
        releases = sandbox.state["shop"]["releases"]
        environment = "" if name == "default" else f"SANDBOX_NAME={name} "
        print(
            f"  deploy it  {environment}ansible-playbook playbooks/deploy.yml -i inventories/development -e"
            f" release={(releases or ['HEAD'])[0]}"
        )
        print(f"  state      {folder_of(name).relative_to(CHECKOUT)}/state.json, logs in log/ beside it")
        print(f"  stop it    python -m sandbox down --name {name}")
    elif command == "status":
        rows = lifecycle.status(name)
        if not rows:
            print(f"The sandbox {name!r} is not up.")
        for row in rows:
            ports = ", ".join(map(str, row["ports"]))
            print(
                f"{row['name']:10} {row['pid'] or '-':>8}  {'healthy' if row['healthy'] else 'DOWN':8}"
                f" 127.0.0.1:{ports}"
            )
        return 0 if rows and all(row["healthy"] for row in rows) else 1
    elif command == "fill":
        fill(name)
    elif command == "down":
        lifecycle.down(name)
    else:
        lifecycle.clean(name)
    return 0


def fill(name: str) -> None:
    from psycopg2 import Error

    from .customer import fill_shelves
    from .storefront import Sandbox

    try:
        fill_shelves(Sandbox.load(name).storefront())
    except Error as error:
        raise SandboxError(f"The shop has no place for products: {error}. Deploy a release first.") from None
    print("The shop has a few products.")


def order_of(arguments: argparse.Namespace) -> dict[str, Any] | None:
    """Return the order for the shop given with --shop; None without one."""
    if arguments.shop is None:
        if arguments.settings or arguments.online:
            raise SandboxError("--set and --online need a shop of your own: add --shop PATH.")
        return None
    from .order import read_order

    return read_order(arguments.shop, arguments.backend, arguments.settings, arguments.online)


def addresses(shop: dict[str, Any]) -> Iterator[str]:
    """Yield the addresses of a storefront's site and API."""
    surfaces = shop.get("inventory", {}).get("surfaces", ["frontend", "backend"])
    for surface, label in (("frontend", "shop"), ("backend", "its API")):
        if surface in surfaces:
            yield f"{label:10} {shop[f'{surface}_url']}"


if __name__ == "__main__":
    sys.exit(main())
