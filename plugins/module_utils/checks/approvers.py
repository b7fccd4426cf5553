# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who may approve a release, by which identities, and how many have to."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..core.errors import ConfigError

NAMESPACE = "storefront.runbook.approval"  # a signature made for anything else approves nothing
AWX = "awx"  # the principal of AWX's keys, which no approver may be called
KINDS = ("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-", "sk-ssh-ed25519@openssh.com", "sk-ecdsa-sha2-")
NAME = re.compile(r"[\w.@+-]+")


@dataclass(frozen=True)
class Approvers:
    """``people`` are entries of the inventory. ``awx_keys`` are public keys with which AWX vouches for its users."""

    people: Sequence[Mapping[str, Any]] = ()
    awx_keys: Sequence[str] = ()

    def named(self, identity: str, field: str = "") -> str:
        """Return the approver who has a name, or an identity at ``field``, or any; empty where none has."""
        wanted = identity.strip().casefold()
        fields = (field,) if field else ("name", "github", "awx")
        for one in self.people:
            if wanted and wanted in [str(one.get(name) or "").casefold() for name in fields]:
                return str(one["name"])
        return ""

    def is_same(self, name: str, identity: str) -> bool:
        """Whether an approver is the person whom an identity, such as the starter's account, stands for."""
        wanted = identity.strip().casefold()
        return bool(wanted) and (self.named(identity).casefold() or wanted) == name.casefold()

    @property
    def lines(self) -> list[str]:
        """The file of allowed signers, in ssh-keygen's form."""
        keys = [(str(one["name"]), key) for one in self.people for key in one.get("keys") or []]
        keys += [(AWX, key) for key in self.awx_keys]
        return [f'{name} namespaces="{NAMESPACE}" {_plain(key)}' for name, key in keys]


def _plain(key: str) -> str:
    return " ".join(key.split()[:2])


def approvers_of(params: Mapping[str, Any]) -> Approvers:
    """Return the approvers of a module's options. Raises ConfigError with everything that is wrong with them."""
    found = Approvers(params["approvers"], params["awx_keys"])
    problems = list(wrong(found))
    if problems:
        raise ConfigError(
            "\n- ".join([f"Nothing was asked. {len(problems)} to correct in the approvers:", *problems]),
            code="bad_approvers",
        )
    return found


def wrong(approvers: Approvers) -> Iterator[str]:
    seen: dict[str, str] = {}
    for one in approvers.people:
        name = str(one["name"])
        if not NAME.fullmatch(name) or name.casefold() == AWX:
            yield f"the name {name!r} of an approver cannot be used: write letters, digits and . @ + - _, and not awx"
        if not (one.get("keys") or one.get("github") or one.get("awx")):
            yield f"{name} has no identity that can be verified: give keys, github or awx"
        for field in ("name", "github", "awx"):
            identity = str(one.get(field) or "").casefold()
            if identity and seen.setdefault(f"{field} {identity}", name) != name:
                yield f"{field} {one[field]} belongs to two approvers, {seen[f'{field} {identity}']} and {name}"
        if [str(other["name"]).casefold() for other in approvers.people].count(name.casefold()) > 1:
            yield f"{name} is listed twice: merge the two entries"
        for key in one.get("keys") or []:
            yield from _wrong_key(f"a key of {name}", key, seen, name)
    for key in approvers.awx_keys:
        yield from _wrong_key("a key of AWX", key, seen, "AWX")
    if not approvers.awx_keys and (by_awx := [str(one["name"]) for one in approvers.people if _only_awx(one)]):
        yield f"{', '.join(by_awx)} can approve by AWX alone, and no key of AWX is known: give approval_awx_keys"


def _only_awx(one: Mapping[str, Any]) -> bool:
    return bool(one.get("awx")) and not (one.get("keys") or one.get("github"))


def _wrong_key(what: str, key: str, seen: dict[str, str], owner: str) -> Iterator[str]:
    if "PRIVATE KEY" in key:
        yield f"{what} is a private key: give the public one, of a new pair, since this one is not secret any more"
        return
    words = key.split()
    kind = words[0] if words else ""
    if not kind.startswith(KINDS):
        yield f"{what} is not a public key of ssh, such as ssh-ed25519 AAAA…: it begins with {kind[:20]!r}"
        return
    try:
        blob = base64.b64decode(words[1], validate=True)
        inner = blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode()
    except (IndexError, binascii.Error, ValueError):
        inner = ""
    if inner != kind:
        yield f"{what} is damaged: copy the whole line of the file that ends with .pub"
    elif seen.setdefault(words[1], owner) != owner:
        yield f"{what} is also a key of {seen[words[1]]}: each approver needs a key of their own"
