# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the roles backend and frontend ask of a platform for each source of a release, and what preflight
says where that cannot be, or a push could pass it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.storefront.runbook.plugins.module_utils.core import wait
from ansible_collections.storefront.runbook.plugins.module_utils.release import platforms, units
from ansible_collections.storefront.runbook.plugins.modules import railway_service, render_service, vercel_deploy

from tests.unit.plugins.fake_railway import PROJECT, FakeRailway
from tests.unit.plugins.fake_render import SERVICE, SHAS, FakeRender
from tests.unit.plugins.fake_vercel import FakeVercel
from tests.unit.roles.rendering import arguments, render
from tests.unit.support import Clock, run_module

IMAGE = "ghcr.io/shop/api:v1.1.0"
# what a release may be asked for otherwise than what was planned
NOT_GIVEN = ("wait", "wait_timeout", "wait_interval", "auto_deploy")


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with the release v1.1.0."""
    root = tmp_path_factory.mktemp("shop")
    (root / "package.json").write_text("{}")
    for command in (["init", "--quiet"], ["add", "."], ["commit", "--quiet", "--message", "v1.1.0"], ["tag", "v1.1.0"]):
        subprocess.run(["git", "-C", str(root), "-c", "user.name=t", "-c", "user.email=t@t.test", *command], check=True)
    return root


@pytest.fixture
def commit(repository: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The commit of v1.1.0, which Render knows as well."""
    plan = subprocess.run(
        ["git", "-C", str(repository), "rev-parse", "v1.1.0"], check=True, capture_output=True, text=True
    ).stdout.strip()
    monkeypatch.setitem(SHAS, "v1.1.0", plan)
    return plan


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch, clock: Clock) -> None:
    init: Any = wait.Waiter.__init__
    monkeypatch.setattr(
        wait.Waiter, "__init__", lambda self, **options: init(self, **{"sleep": clock.sleep, "clock": clock, **options})
    )


class Backend:
    """A unit at a platform that is ``linked`` to Git, also with the platform's own build of v1.1.0
    (``pushed``), or is not (``bare``).
    """

    def __init__(self, platform: str, repository: Path, commit: str) -> None:
        self.platform, self.repository, self.commit = platform, repository, commit
        self.vendor: Any = FakeRailway() if platform == "railway" else FakeRender()
        self.vendor.has("v1.0.0")

    def is_(self, how: str) -> None:
        if how == "pushed" and self.platform == "railway":
            self.vendor.has("", "BUILDING", meta={"commitHash": self.commit, "branch": "main"})
        elif how == "pushed":
            self.vendor.has("v1.1.0", "build_in_progress", trigger="new_commit")
        elif how == "bare" and self.platform == "railway":
            self.vendor.instance["source"] = None
        elif how == "bare":
            self.vendor.service |= {"imagePath": "ghcr.io/shop/api", "repo": None, "branch": None}

    def deploys_pushes(self) -> None:
        if self.platform == "railway":
            self.vendor.auto_deploy["enabled"] = True
        else:
            self.vendor.service["autoDeploy"] = "yes"

    def asked(self, verb: str, source: str, image: str | None) -> dict[str, Any]:
        """Return what the role asks the module for, as ``check`` or as ``release``."""
        unit = {
            "name": "api",
            "service": "api" if self.platform == "railway" else SERVICE,
            **({"image": image} if image else {}),
        }
        given = {
            "unit": unit,
            "backend_source": source,
            "release": "v1.1.0",
            "release_commit": self.commit,
            "release_paths": {"source_path": str(self.repository)},
        }
        given |= {"backend_platform": self.platform, "backend_unguarded": []}
        return platforms.module_for(
            "backend_service", arguments("backend", verb, "storefront.runbook.backend_service", given)
        )[1]

    def planned(self, source: str, image: str | None = IMAGE, **options: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what the module foretells, and what the role concludes from it for preflight."""
        asked = self.asked("check", source, image)
        if self.platform == "railway":
            place, module = (
                {"api_url": "https://api.test", "project": PROJECT, "environment": "production"},
                railway_service,
            )
        else:
            place, module = {"api_url": "https://api.test/v1"}, render_service
        with self.vendor.vendor.installed():
            result = run_module(module, {"api_token": "sesame-token", **place, **asked}, check=True, diff=False)
        assert self.vendor.writes() == []
        return result, units.backend_check(
            [{**result, "unit": {"name": "api"}}], take_over=bool(options.get("take_over"))
        )


@pytest.fixture
def backend(request: pytest.FixtureRequest, repository: Path, commit: str) -> Backend:
    return Backend(request.param, repository, commit)


EACH = pytest.mark.parametrize("backend", ["railway", "render"], indirect=True)


@pytest.mark.parametrize(
    ("backend", "source", "how", "makes", "commit_reported"),
    [
        ("railway", "upload", "bare", True, True),
        ("railway", "upload", "linked", True, True),
        ("railway", "commit", "linked", True, True),
        ("railway", "adopt", "pushed", False, True),
        ("railway", "image", "bare", True, False),
        ("render", "upload", "linked", True, True),
        ("render", "commit", "linked", True, True),
        ("render", "adopt", "pushed", False, True),
        ("render", "image", "bare", True, False),
    ],
    indirect=["backend"],
)
def test_a_backend_is_released_from_each_source_that_suits_it(
    backend: Backend, source: str, how: str, makes: bool, commit_reported: bool
) -> None:
    backend.is_(how)
    plan, facts = backend.planned(source)
    assert facts["problems"] == []
    assert (plan["changed"], plan["deployment"]["release"], plan["deployment"]["commit"]) == (
        makes,
        "v1.1.0",
        backend.commit if commit_reported else None,
    )
    planned, released = (
        {key: value for key, value in backend.asked(verb, source, IMAGE).items() if key not in NOT_GIVEN}
        for verb in ("check", "release")
    )
    assert planned == released


@pytest.mark.parametrize(
    ("backend", "source", "how", "image", "said"),
    [
        ("railway", "commit", "bare", IMAGE, "not connected to a repository, so Railway cannot build a commit for it"),
        ("railway", "adopt", "bare", IMAGE, "not connected to a repository"),
        ("railway", "adopt", "linked", IMAGE, "or set source to commit"),
        ("railway", "image", "linked", IMAGE, "an image would disconnect it"),
        ("railway", "image", "bare", None, "Set image"),
        ("render", "upload", "bare", IMAGE, "Set source=image and image"),
        ("render", "commit", "bare", IMAGE, "Set source=image and image"),
        ("render", "adopt", "bare", IMAGE, "Set source=image and image"),
        ("render", "adopt", "linked", IMAGE, "or deploy it with source=commit"),
        ("render", "image", "linked", IMAGE, "is built from Git"),
        ("render", "image", "bare", None, "missing: ref, commit, image"),
    ],
    indirect=["backend"],
)
def test_a_source_that_does_not_suit_a_backend_stops_the_preflight(
    backend: Backend, source: str, how: str, image: str | None, said: str
) -> None:
    backend.is_(how)
    _plan, facts = backend.planned(source, image)
    (problem,) = facts["problems"]
    assert problem.startswith("backend: ")
    assert said in problem


@EACH
@pytest.mark.parametrize("source", ["upload", "commit", "adopt"])
def test_a_push_that_could_pass_the_gates_stops_the_preflight_whatever_the_source_is_unless_it_is_taken_over(
    backend: Backend, source: str
) -> None:
    backend.is_("pushed")
    backend.deploys_pushes()
    _plan, facts = backend.planned(source)
    (problem,) = facts["problems"]
    assert problem.startswith("api: a push to its branch deploys it without any check.")
    assert "take_over=true" in problem
    _plan, facts = backend.planned(source, take_over="true")
    assert (facts["problems"], facts["unguarded"]) == ([], ["api"])


@EACH
def test_no_push_deploys_an_image_so_nothing_is_to_be_taken_over(backend: Backend) -> None:
    backend.is_("bare")
    if backend.platform == "render":
        backend.deploys_pushes()  # what Render reports of every service that was not set otherwise
    _plan, facts = backend.planned("image")
    assert (facts["problems"], facts["unguarded"]) == ([], [])


@pytest.mark.parametrize(
    ("source", "backends"), [(None, "upload"), ("upload", "upload"), ("commit", "commit"), ("adopt", "commit")]
)
def test_a_backend_adopts_only_where_that_is_said_of_it_since_a_build_of_its_own_is_one_past_the_gates(
    source: str | None, backends: str
) -> None:
    given = {"source": source} if source else {}
    assert render("backend", "backend_source", given) == backends
    assert render("frontend", "frontend_source", given) == (source or "upload")


# The frontend


class Frontend:
    """The project at Vercel, as Backend."""

    def __init__(self, repository: Path, commit: str) -> None:
        self.vendor, self.repository, self.commit = FakeVercel(), repository, commit
        self.vendor.project["autoAssignCustomDomains"] = False

    def is_(self, how: str) -> None:
        if how != "bare":
            self.vendor.is_linked()
        if how == "pushed":
            self.vendor.was_pushed(self.commit)

    def planned(self, source: str, **options: Any) -> tuple[dict[str, Any], list[str]]:
        """Return what the module foretells, and the problems that preflight reports."""
        given = {
            "frontend_source": source,
            "release": "v1.1.0",
            "release_commit": self.commit,
            "release_paths": {"source_path": str(self.repository)},
            **options,
        }
        asked = {
            verb: arguments("frontend", verb, "storefront.runbook.vercel_deploy", given) for verb in ("check", "stage")
        }
        planned, staged = ({key: value for key, value in one.items() if key not in NOT_GIVEN} for one in asked.values())
        assert planned == staged
        place = {"api_token": "sesame-token", "api_url": "https://api.test", "team": "team_1", "project": "shop"}
        with self.vendor.vendor.installed():
            result = run_module(vercel_deploy, {**place, **asked["check"]}, check=True, diff=False)
        return result, units.frontend_problems(result)


@pytest.fixture
def frontend(repository: Path, commit: str) -> Frontend:
    return Frontend(repository, commit)


@pytest.mark.parametrize(
    ("source", "how", "makes"),
    [("upload", "bare", True), ("upload", "linked", True), ("commit", "linked", True), ("adopt", "pushed", False)],
)
def test_a_frontend_is_staged_from_each_source_that_suits_it(
    frontend: Frontend, source: str, how: str, makes: bool
) -> None:
    frontend.is_(how)
    plan, problems = frontend.planned(source)
    assert problems == []
    assert (plan["changed"], plan["deployment"]["release"], plan["deployment"]["commit"]) == (
        makes,
        "v1.1.0",
        frontend.commit,
    )


@pytest.mark.parametrize(
    ("source", "how", "said"),
    [
        ("commit", "bare", "not linked to a Git repository"),
        ("adopt", "bare", "not linked to a Git repository"),
        ("adopt", "linked", "or set source to commit"),
    ],
)
def test_a_source_that_does_not_suit_a_frontend_stops_the_preflight(
    frontend: Frontend, source: str, how: str, said: str
) -> None:
    frontend.is_(how)
    _plan, (problem,) = frontend.planned(source)
    assert problem.startswith("frontend: ")
    assert said in problem


@pytest.mark.parametrize("source", ["upload", "commit", "adopt"])
def test_a_push_that_vercel_would_serve_stops_the_preflight_whatever_the_source_is_unless_it_is_taken_over(
    frontend: Frontend, source: str
) -> None:
    frontend.is_("pushed")
    frontend.vendor.project["autoAssignCustomDomains"] = True
    _plan, (problem,) = frontend.planned(source)
    assert "-e take_over=true" in problem
    plan, problems = frontend.planned(source, take_over="true")
    assert problems == []
    assert (plan["changed"], plan["auto_assign_domains"]) == (True, {"before": True, "after": False})
