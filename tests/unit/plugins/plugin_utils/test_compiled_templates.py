# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Templates that are compiled once: forks share them, and what they render is what Ansible renders."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import jinja2
import pytest
from ansible import template
from ansible.parsing.dataloader import DataLoader
from ansible_collections.storefront.runbook.plugins.plugin_utils import compiled_templates
from ansible_collections.storefront.runbook.plugins.plugin_utils.compiled_templates import CompiledTemplates

pytestmark = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="templates are compiled once on Linux only")


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> tuple[CompiledTemplates, list[str]]:
    """What is compiled from now on, and the sources that Jinja was asked for."""
    asked: list[str] = []
    compiles = jinja2.Environment.compile

    def compile_and_note(environment: Any, source: Any, *args: Any, **options: Any) -> Any:
        asked.append(str(source))
        return compiles(environment, source, *args, **options)

    monkeypatch.setattr(jinja2.Environment, "compile", compile_and_note)
    made = compiled_templates.compile_once()
    assert made is not None
    return made, asked


def in_a_fork(do: Callable[[], None]) -> None:
    pid = os.fork()
    if pid == 0:
        do()
        os._exit(0)
    assert os.waitpid(pid, 0)[1] == 0


def render(source: str, **options: Any) -> Any:
    trusted = getattr(template, "trust_as_template", str)(source)  # ansible-core 2.18 trusts every text
    return template.Templar(DataLoader(), variables={"unit": "api"}).template(trusted, **options)


def test_what_a_fork_has_compiled_is_not_compiled_again(compiled) -> None:
    made, asked = compiled
    for _unused in range(2):
        in_a_fork(lambda: render("{{ unit }} is up"))
        made.collect()
    assert render("{{ unit }} is up") == "api is up"
    assert asked == []
    assert render("{{ unit }} is down") == "api is down"
    assert asked == ["{{ unit }} is down"]


def test_an_entry_that_a_killed_fork_did_not_finish_ends_the_reading(compiled, monkeypatch) -> None:
    made, asked = compiled
    in_a_fork(lambda: render("{{ unit }} first"))
    write = os.write
    with monkeypatch.context() as killed:
        killed.setattr(os, "write", lambda file, entry: write(file, entry[: len(entry) // 2]))
        in_a_fork(lambda: render("{{ unit }} half"))
    in_a_fork(lambda: render("{{ unit }} later"))
    for _unused in range(2):
        made.collect()
    for name in ("first", "half", "later"):
        render(f"{{{{ unit }}}} {name}")
    assert asked == ["{{ unit }} half", "{{ unit }} later"]


def test_other_delimiters_are_another_template(compiled) -> None:
    _made, asked = compiled
    source = "{{ unit }} <% unit %>"
    assert render(source) == "api <% unit %>"
    assert render(source, overrides={"variable_start_string": "<%", "variable_end_string": "%>"}) == "{{ unit }} api"
    assert asked == [source] * 2


def test_a_backslash_means_what_it_means_to_ansible(compiled) -> None:
    source = "{{ 'a\\tb' }}"
    for _unused in range(2):
        assert render(source, escape_backslashes=True) == "a\\tb"
        assert render(source, escape_backslashes=False) == "a\tb"


def test_templates_of_others_are_left_to_jinja(compiled) -> None:
    _made, asked = compiled
    for _unused in range(2):
        assert jinja2.Environment(autoescape=True).from_string("{{ 1 }}").render() == "1"
    assert asked == ["{{ 1 }}"] * 2


def test_a_template_that_cannot_be_compiled_fails_each_time(compiled) -> None:
    for _unused in range(2):
        with pytest.raises(Exception, match="unexpected"):
            render("{{ unit")
