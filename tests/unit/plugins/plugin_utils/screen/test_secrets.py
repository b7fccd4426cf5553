# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets never reach the screen, under whatever name and in whatever form."""

from __future__ import annotations

import pytest
from ansible_collections.storefront.runbook.plugins.plugin_utils.screen.secrets import Mask, is_secret

PLAIN = "s3cr3t-value/+1"


def learned(**variables):
    mask = Mask()
    mask.learn(variables, lambda value: value, lambda value: value == "encrypted-value")
    return mask


@pytest.mark.parametrize(
    "name",
    [
        "backend_token",
        "store_secret_key",
        "vault_x",
        "database_password",
        "api_key",
        "notify_slack_webhook_url",
        "ansible_become_pass",
    ],
)
def test_a_variable_that_is_named_like_a_secret_is_masked(name):
    assert PLAIN not in learned(**{name: PLAIN})(f"it said {PLAIN}.")


@pytest.mark.parametrize(
    "name",
    [
        "backend_token_type",
        "database_backup_identity_file",
        "store_is_shared",
        "release_step",
        "ansible_run_tags",
        "frontend_project",
        "monkey",
        "release_lease",
        "preflight_signing_key",
        "approval_key",
    ],
)
def test_what_only_sounds_like_one_is_shown(name):
    assert not is_secret(name)


@pytest.mark.parametrize("form", ["s3cr3t-value%2F%2B1", "czNjcjN0LXZhbHVlLysx", PLAIN])
def test_other_forms_of_a_secret_are_masked(form):
    assert form not in learned(a_token=PLAIN)(f"-> {form} <-")


def test_a_placeholder_that_is_still_to_be_filled_in_is_shown():
    text = "backend_token is still to be filled in (FILL_IN vault_backend_token in vault.yml)"
    assert learned(backend_token="FILL_IN vault_backend_token in vault.yml")(text) == text


def test_the_password_of_a_url_is_masked_alone_and_in_the_url():
    mask = learned(database_url="postgresql://shop:p%40ssword1@db/shop")
    for text in ("postgresql://shop:p%40ssword1@db/shop", "password p@ssword1 was refused", "p%40ssword1"):
        assert "ssword1" not in mask(text)


def test_secrets_deep_in_a_variable_are_masked():
    mask = learned(verify_headers={"x-bypass": ["let-me-in-now"]}, settings=[{"inner": "encrypted-value"}])
    assert mask("let-me-in-now encrypted-value") == "******** ********"


def test_a_variable_that_cannot_be_resolved_is_left_out():
    def fail(value):
        raise ValueError

    mask = Mask()
    mask.learn({"a_token": "{{ nothing }}"}, fail, lambda value: False)
    assert mask.secrets == set()


def test_the_environment_has_secrets_too():
    mask = Mask()
    mask.learn_environment(
        {"VERCEL_TOKEN": "abcdefgh1", "USE_TOKEN": "1", "SSH_KEY": "/home/alice/key", "HOME": "/root"}
    )
    assert mask.secrets >= {"abcdefgh1"}
    assert mask("1 /home/alice/key /root abcdefgh1") == "1 /home/alice/key /root ********"


def test_a_key_of_several_lines_is_masked_line_by_line():
    mask = learned(private_key="-----BEGIN KEY-----\nMIIEvQIBADANBg\nkqhkiG9w0BAQEF\n-----END KEY-----")
    assert mask("MIIEvQIBADANBg") == "********"
