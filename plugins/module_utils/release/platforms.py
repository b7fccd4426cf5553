# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which module does the backend's work at which platform, and which of the role's options it gets. A new platform is an entry here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Options = dict[str, Any]


@dataclass(frozen=True)
class Platform:
    """``modules`` maps what a task asks for to the platform's module; ``adapt`` turns the options of the task into those of that module."""

    modules: Mapping[str, str]
    adapt: Callable[[Options], Options]


def _railway(options: Options) -> Options:
    """Railway is sent the files of an upload and needs no repository otherwise. What a push deploys is changed by a task of its own."""
    left_out = {"known_variables"}
    if options.get("source") != "upload":
        left_out.add("path")
    if options.get("state") != "configured":
        left_out.add("auto_deploy")
    return {name: value for name, value in options.items() if name not in left_out}


def _render(options: Options) -> Options:
    """Render takes no upload: it builds the commit. Its service knows the root directory by itself."""
    kept = {name: value for name, value in options.items() if name != "root_directory"}
    return {**kept, "source": "commit"} if kept.get("source") == "upload" else kept


PLATFORMS: Mapping[str, Platform] = {
    "railway": Platform({"backend_service": "railway_service", "backend_info": "railway_info", "backend_variables": "railway_variables"}, _railway),
    "render": Platform({"backend_service": "render_service", "backend_info": "render_info", "backend_variables": "render_env"}, _render),
}


def module_for(action: str, options: Options) -> tuple[str, Options]:
    """Return the name and the options of the module that does what ``action`` asks for at ``options['platform']``.

    Raise ValueError, which says what to do, where that is no platform of ours.
    """
    platform = PLATFORMS.get(str(options.get("platform")))
    if platform is None:
        raise ValueError(f"{action} cannot run at the platform {options.get('platform')!r}. Set backend_platform to one of {', '.join(PLATFORMS)}.")
    return platform.modules[action], platform.adapt({name: value for name, value in options.items() if name != "platform"})


def modules_for(action: str) -> list[str]:
    """Return every module that may do what ``action`` asks for; the action itself where it is none of ours."""
    return [platform.modules[action] for platform in PLATFORMS.values() if action in platform.modules] or [action]
