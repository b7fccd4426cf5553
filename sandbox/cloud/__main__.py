# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the double until it is stopped: ``python -m sandbox.cloud --config FILE``."""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import signal
import sys
from pathlib import Path
from typing import Any, cast

# jsonschema compiles the grammar of IRIs as soon as it can import this package: more than a second of each start. The
# double checks no formats.
sys.modules["rfc3987_syntax"] = cast(Any, None)
importlib.import_module("openapi_schema_validator")  # here, and not while the first request waits

from .cloud import Cloud
from .control import Control


async def serve(config: Path) -> None:
    stopped = asyncio.Event()
    for name in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(name, stopped.set)
    cloud = Cloud(json.loads(config.read_text()))
    try:
        await cloud.start()
        # last: who can ask it finds all in place
        await cloud.context.listeners.open(Control(cloud).app(), cloud.context.ports["control"])
        logging.info("ready")
        await stopped.wait()
    finally:
        await cloud.stop()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m sandbox.cloud", description=__doc__)
    parser.add_argument(
        "--config",
        type=Path,
        required=True,
        help="JSON with state_dir, cache_dir, ports, tokens, node_bin, perhaps repository",
    )
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger().setLevel(logging.INFO)
    for chatty in ("httpx", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    try:
        asyncio.run(serve(parser.parse_args().config))
    except OSError as error:
        print(f"The double of the vendors could not start: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
