# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which values never reach the screen: those of variables and of the environment that are named like a
secret, and what was encrypted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ...module_utils.core.redact import SHORTEST, redact, secrets_of_url

_SECRET = re.compile(
    r"(^|_)(token|secret|password|passwd|passphrase|pass|key|credentials?|private|identity|webhook_url|vault|headers)(_|$)",
    re.IGNORECASE,
)
_HARMLESS = re.compile(
    r"_(type|file|path|id|name|names|mode|ttl|age|timeout|keep|run|step)$|^(ansible|release|playbook|group|groups|hostvars)(_|$)|is_"
    r"|^(preflight_signing|approval)_key$",  # both are files
    re.IGNORECASE,
)
_ANSIBLE = re.compile(r"^ansible_.*(pass|password|private_key)$", re.IGNORECASE)
PLACEHOLDER = "FILL_IN"  # how the values begin that an inventory still lacks
_FROM_ENVIRONMENT = 8  # characters: shorter ones are switches such as TOKEN=1


class Mask:
    """Hides the secrets that it knows; ``learn`` reads a storefront's variables once."""

    def __init__(self) -> None:
        self.secrets: set[str] = set()

    def __call__(self, text: str) -> str:
        return redact(text, self.secrets)

    def deep(self, value: Any) -> Any:
        """Return a value with every text in it masked. This comes before cutting and wrapping, which would
        leave part of a secret.
        """
        if isinstance(value, str):
            return self(str(value)) if value else value
        if isinstance(value, Mapping):
            return {key: self.deep(nested) for key, nested in value.items()}
        if isinstance(value, (list, tuple)):
            return [self.deep(nested) for nested in value]
        return value

    def add(self, secret: str) -> None:
        if len(secret) >= SHORTEST:  # its other forms are known to redact()
            self.secrets.add(secret)
        for line in secret.splitlines():  # a key of several lines is masked line by line too
            if len(line) >= 2 * SHORTEST and not line.startswith("-----"):
                self.secrets.add(line)

    def learn(
        self, variables: Mapping[str, Any], template: Callable[[Any], Any], encrypted: Callable[[Any], bool]
    ) -> None:
        """Collect the values of variables that are named like a secret, were ``encrypted``, or are a URL
        with a password.
        """
        for name, value in variables.items():
            if is_secret(name) or encrypted(value):
                self._keep(_or_nothing(template, value))
            elif name.endswith("_url"):
                for secret in secrets_of_url(_text(_or_nothing(template, value))):
                    self.add(secret)
            elif isinstance(value, (dict, list)) and not name.startswith("_"):
                for nested in _encrypted(value, encrypted):
                    self._keep(_or_nothing(template, nested))

    def learn_environment(self, environment: Mapping[str, str]) -> None:
        for name, value in environment.items():
            if is_secret(name) and len(value) >= _FROM_ENVIRONMENT and not value.startswith("/"):
                self.add(value)

    def _keep(self, value: Any) -> None:
        for leaf in _leaves(value):
            if leaf.startswith(PLACEHOLDER):  # preflight names it
                continue
            for secret in [leaf, *secrets_of_url(leaf if "://" in leaf else None)]:
                self.add(secret)


def is_secret(name: str) -> bool:
    """Whether a variable of this name holds a secret."""
    if _ANSIBLE.search(name):
        return True
    return bool(_SECRET.search(name)) and not _HARMLESS.search(name)


def _or_nothing(template: Callable[[Any], Any], value: Any) -> Any:
    try:
        return template(value)
    except Exception:  # what cannot be resolved cannot be printed either
        return None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _leaves(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield str(value)
    elif isinstance(value, Mapping):
        for nested in value.values():
            yield from _leaves(nested)
    elif isinstance(value, (list, tuple)):
        for nested in value:
            yield from _leaves(nested)


def _encrypted(value: Any, encrypted: Callable[[Any], bool]) -> Iterator[Any]:
    if encrypted(value):
        yield value
    elif isinstance(value, dict):
        for nested in value.values():
            yield from _encrypted(nested, encrypted)
    elif isinstance(value, list):
        for nested in value:
            yield from _encrypted(nested, encrypted)
