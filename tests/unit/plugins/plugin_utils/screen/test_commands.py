# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command that the screen offers runs the same thing again, and shows no secret."""

from __future__ import annotations

import json
import shlex
import sys

import pytest
from ansible import context
from ansible.cli.playbook import PlaybookCLI
from ansible.parsing.dataloader import DataLoader
from ansible.utils.context_objects import CLIArgs
from ansible.utils.vars import combine_vars
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.about import About
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.ansible_facts import (
    given_items,
    given_to_run,
)


@pytest.fixture
def command_line(monkeypatch, tmp_path):
    """Parses a command line as ansible-playbook does, in a folder with files of variables."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "values.yml").write_text("surfaces: backend\nstore: local\nredis_url: redis://:pa55word@h\n")
    (tmp_path / "run.yml").write_text("release: v1.1.0\n")

    def parse(*words, playbook="deploy.yml"):
        argv = ["ansible-playbook", playbook, *words]
        monkeypatch.setattr(sys, "argv", argv)
        cli = PlaybookCLI(argv)
        cli.init_parser()
        monkeypatch.setattr(context, "CLIARGS", CLIArgs.from_options(cli.parser.parse_args(argv[1:])))

    return parse


def given(playbook="deploy.yml"):
    return given_to_run(playbook, DataLoader())


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (["surfaces=backend"], ["-e surfaces=backend"]),
        (["surfaces=backend maintenance=true"], ["-e surfaces=backend", "-e maintenance=true"]),
        (["maintenance=true", "maintenance=false"], ["-e maintenance=false"]),
        (["release=v1.1.0", "surfaces=edge"], ["-e release=v1.1.0", "-e surfaces=edge"]),
        (["break_lease=gone", "surfaces=edge"], ["-e surfaces=edge"]),
        (['waive_reason="flaky test"'], ["-e 'waive_reason=\"flaky test\"'"]),
        (["waive_reason='$(id) `id`'"], ["-e 'waive_reason='\"'\"'$(id) `id`'\"'\"''"]),
        (["grep=a*"], ["-e grep='a*'"]),
        (["@values.yml", "@run.yml", "surfaces=edge"], ["-e @values.yml", "-e @run.yml", "-e surfaces=edge"]),
        (['{"surfaces": ["backend"]}'], ['-e \'{"surfaces": ["backend"]}\'']),
        (["{surfaces: edge}"], ["-e '{surfaces: edge}'"]),
        ([], []),
    ],
)
def test_an_option_of_the_command_line_is_given_again(command_line, words, options) -> None:
    command_line(*(part for word in words for part in ("-e", word)))
    assert [*given().again] == options
    assert given().secrets == []


@pytest.mark.parametrize("path", ["values.yml", "./values.yml", "../{name}/values.yml", "{folder}/values.yml"])
def test_a_file_is_named_as_it_was_written(command_line, tmp_path, path) -> None:
    path = path.format(name=tmp_path.name, folder=tmp_path)
    for words in (["-e", f"@{path}"], [f"-e@{path}"], [f"--extra-vars=@{path}"]):
        command_line(*words)
        assert given().again == [f"-e @{path}"]


@pytest.mark.parametrize(
    ("word", "kept", "secrets"),
    [
        ("frontend_token=sesame99", [], ["frontend_token"]),
        ("api_token=sesame99", [], ["api_token"]),
        ("redis_url=redis://:sesame99@h:6379/0", [], ["redis_url"]),
        ("home_url=https://me:sesame99@h/", [], ["home_url"]),
        (
            '{"redis_url": "redis://:sesame99@h", "surfaces": ["edge"]}',
            ['-e \'{"surfaces": ["edge"]}\''],
            ["redis_url"],
        ),
        ('{"verify_watch": {"to": {"webhook_url": "sesame99"}}}', [], ["verify_watch"]),
        ('{"verify_frontend_checks": [{"secret_headers": {"A": "sesame99"}}]}', [], ["verify_frontend_checks"]),
    ],
)
def test_a_secret_becomes_a_file_that_the_operator_names(command_line, word, kept, secrets) -> None:
    command_line("-e", word)
    found = given()
    assert "sesame99" not in repr(found)
    assert "****" not in repr(found)
    assert found.again == [*kept, "-e @FILE"]
    assert found.secrets == secrets


def test_a_text_that_the_screen_masks_is_a_secret(command_line) -> None:
    command_line("-e", "shop_reference=sesame99")
    found = given_to_run("deploy.yml", DataLoader(), lambda text: text.replace("sesame99", "********"))
    assert (found.again, found.secrets) == (["-e @FILE"], ["shop_reference"])


def test_values_of_variables_are_read_from_the_environment(command_line) -> None:
    command_line("-e", "unit=api", "-e", '{"variable_values": {"B": "sesame99", "A": "x"}}', "-e", "from_env=C")
    found = given("variables.yml")
    assert found.again == ["-e unit=api", "-e from_env=C,A,B"]
    assert found.secrets == []


def test_another_playbook_gets_what_does_not_belong_to_this_run_alone(command_line) -> None:
    command_line("-e", "@run.yml", "-e", "@values.yml", "-e", "maintenance=true", "-e", "store=local")
    assert given().carried == ["-e @values.yml", "-e store=local"]
    command_line("-e", '{"release": "v1", "store": "local"}', "-e", "@missing.yml")
    assert given().carried == ['-e \'{"store": "local"}\'', "-e @missing.yml"], "a file that cannot be read is kept"


def test_of_a_file_with_options_of_the_run_another_playbook_gets_the_rest(command_line, tmp_path) -> None:
    (tmp_path / "mixed.yml").write_text("release: v1\nsurfaces: edge\nredis_url: redis://:sesame99@h\n")
    command_line("-e", "@mixed.yml")
    assert given().again == ["-e @mixed.yml"]
    assert given().carried == ['-e \'{"surfaces": "edge"}\'', "-e @FILE"]
    assert given().secrets == ["redis_url"]
    (tmp_path / "mixed.yml").write_text("$ANSIBLE_VAULT;1.1;AES256\n61\n")
    assert given().carried == ["-e @mixed.yml"], "nothing of an encrypted file is written out"


def test_a_playbook_that_follows_another_gets_its_own_options_alone(command_line) -> None:
    command_line(
        "-e",
        "remedy=rollback",
        "-e",
        "output=text",
        "-e",
        "surfaces=edge",
        "-e",
        "baseline_broken=yes",
        playbook="diagnose.yml",
    )
    assert given("rollback.yml").again == ["-e surfaces=edge", "-e baseline_broken=yes"]


def test_the_options_of_the_vault_are_kept(command_line) -> None:
    command_line("--vault-id", "prod@prompt", "--vault-id", "./key file")
    assert given().connection == ["--vault-id prod@prompt", "--vault-id './key file'"]
    command_line("--vault-password-file", "pass.txt")
    assert given().connection == ["--vault-password-file pass.txt"]
    command_line("--ask-vault-pass")
    assert given().connection == ["--ask-vault-pass"]


@pytest.mark.parametrize(
    "words",
    [
        ["a=1", "@values.yml", "surfaces=edge a=2"],
        ["surfaces=edge", "@values.yml"],
        ['reason="it\'s $HOME; `id`"', "b='x y'", "c=\\n", "d=", "e==", "f=a\\=b"],
        ['{"a": {"b": [1, "x y", null, true]}}', "a=over"],
        ["pattern={{ '*' }}", "umlaut=ü "],
    ],
)
def test_a_pasted_command_gives_ansible_the_same_variables(command_line, words) -> None:
    command_line(*(part for word in words for part in ("-e", word)))
    again = [word for option in given().again for word in shlex.split(option) if word != "-e"]
    assert _variables(again) == _variables(words)


def _variables(words):
    found: dict[str, object] = {}
    for item in given_items(words, DataLoader()):
        found = combine_vars(found, dict(item.values))
    return json.loads(json.dumps(found))


ABOUT = About("shop", "deploy.yml", release="v1", options=["-e surfaces=edge", "-e release=v0"], inventory=["a", "b"])


def test_a_corrected_option_replaces_the_one_that_was_given() -> None:
    assert ABOUT.again("-e surfaces=backend") == (
        "ansible-playbook deploy.yml -i a -i b -e release=v0 -e surfaces=backend"
    )


def test_the_limit_and_the_vault_come_with_the_inventory() -> None:
    about = About(
        "shop", "deploy.yml", inventory=["a"], limit="shop*", connection=["--ask-vault-pass"], carried=["-e x=1"]
    )
    assert about.command("rollback") == "ansible-playbook rollback.yml -i a --limit 'shop*' --ask-vault-pass -e x=1"
