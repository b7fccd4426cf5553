# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules that do the backend's work at each platform, and the role options that they get. Add a new
platform here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Options = dict[str, Any]


@dataclass(frozen=True)
class Platform:
    """``modules`` maps an action to the platform's module; ``adapt`` converts the options of the task to
    those of that module.
    """

    modules: Mapping[str, str]
    adapt: Callable[[Options], Options]


def _railway(options: Options) -> Options:
    """Railway needs the files only for an upload, and no repository otherwise. A separate task changes
    whether pushes deploy.
    """
    left_out = {"known_variables"}
    if options.get("source") != "upload":
        left_out.add("path")
    if options.get("state") != "configured":
        left_out.add("auto_deploy")
    return {name: value for name, value in options.items() if name not in left_out}


def _render(options: Options) -> Options:
    """Render accepts no upload: it builds the commit. Its service has its own root directory."""
    kept = {name: value for name, value in options.items() if name != "root_directory"}
    return {**kept, "source": "commit"} if kept.get("source") == "upload" else kept


PLATFORMS: Mapping[str, Platform] = {
    "railway": Platform(
        {
            "backend_service": "railway_service",
            "backend_info": "railway_info",
            "backend_variables": "railway_variables",
        },
        _railway,
    ),
    "render": Platform(
        {"backend_service": "render_service", "backend_info": "render_info", "backend_variables": "render_env"}, _render
    ),
}


def module_for(action: str, options: Options) -> tuple[str, Options]:
    """Return the name and the options of the module for ``action`` at ``options['platform']``.

    Raises ValueError, with the remedy, for an unknown platform.
    """
    platform = PLATFORMS.get(str(options.get("platform")))
    if platform is None:
        raise ValueError(
            f"{action} does not support the platform {options.get('platform')!r}. Set backend_platform to one of"
            f" {', '.join(PLATFORMS)}."
        )
    return platform.modules[action], platform.adapt(
        {name: value for name, value in options.items() if name != "platform"}
    )


def modules_for(action: str) -> list[str]:
    """Return every module that ``action`` may run; for any other action, the action itself."""
    return [platform.modules[action] for platform in PLATFORMS.values() if action in platform.modules] or [action]
