# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which login or value comes next for a secret, and what secrets.yml shows: names and digests, never a value.

A new value follows from a token that can read the platform's variables anyway and from a random text, the nonce, which
is in the journal until the run has ended. So a rerun of a killed run has the same value, and nothing stores it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from .results import failure_message
from .secrets_declared import USUAL, Secret
from .variable_changes import SHORT, digests_of

GONE = "{} has ended already, so it cannot be put back. Run it without secret_step, which finishes the rotation"
SUCCESS = {"rotation", "can_login", "deployment"}  # what a result of one of the modules has that did not fail


def value(key: str, nonce: str, name: str, length: int = USUAL) -> str:
    """Return the new value: letters, digits, - and _, so that it needs no encoding in a URL."""
    text = f"storefront.runbook secret\0{name}\0{nonce}".encode()
    return base64.urlsafe_b64encode(hmac.new(key.encode(), text, hashlib.sha512).digest()).decode()[:length]


def planned(
    asked: Mapping[str, Any],
    results: Sequence[Mapping[str, Any]],
    *,
    left: Mapping[str, Any],
    nonce: str,
    examples: Mapping[str, Mapping[str, str]],
) -> dict[str, Any]:
    """Return {problems, target, peer, nonce, before, names, new, one_way, data} from what each unit has now. ``asked``
    is what ``wanted`` returned, ``left`` the journal of a run that did not end, and ``examples`` have the names in the
    units' .env.example. ``target`` is the login to use from now on, ``new`` whether no unit had the variable before,
    ``one_way`` whether there is no old value to put back, and ``data`` what a rerun has to know.
    """
    secret, step = asked["secret"], asked["mode"]
    data = left.get("data") or {}
    others = [one for one in results if _unit(one) in asked["others"]]
    results = [one for one in results if one not in others]
    seen = {_unit(one): one["rotation"] for one in results if "rotation" in one}
    problems = [f"{_unit(one)}: {failure_message(one)}" for one in results if "rotation" not in one]
    if data and data.get("secret") != secret["name"]:
        problems.append(
            f"An earlier run did not finish the secret {data.get('secret')}. Finish it first, with"
            f" -e secret_name={data.get('secret')}"
        )
    elif left:
        problems += _unfinished(secret, step, seen, data)
    else:
        problems += _step(secret, step, seen)
    problems += _values(secret, seen, bool(left))
    problems += [*_unread(secret, seen, examples), *_unnamed(secret, seen, others)]
    target, peer = _turn(secret["pair"], seen, str(data.get("target") or ""))
    new = data.get("new") if left else step == "rotate" and not any(one["set"] for one in seen.values())
    known = {"target": target, "nonce": data.get("nonce") or nonce, "new": bool(new)}
    return {
        "problems": problems,
        **known,
        "peer": peer,
        "one_way": bool(new) or _hidden(seen),
        "before": {
            f"{_unit(one)} {_shown(secret, step)}": _described(one, _shown(secret, step), _there(one, step))
            for one in results
            if "rotation" in one
        },
        "step": step,
        "resumed": bool(left),
        "names": {unit: [secret["variable"], secret["previous"]] for unit in seen},
        "data": {"secret": secret["name"], "step": step, **known, "ended": bool(data.get("ended"))},
    }


Seen = Mapping[str, Mapping[str, Any]]


def _step(secret: Secret, step: str, seen: Seen) -> Iterator[str]:
    """Yield why the step cannot be taken now."""
    previous, old_in = secret["previous"], [unit for unit, one in seen.items() if one["previous"]]
    if step == "rotate" and old_in:
        yield (
            f"{previous} is still set in {', '.join(old_in)}: the last rotation has not ended. End it with"
            " -e secret_step=end, or undo it with -e secret_step=undo"
        )
    if step != "rotate" and seen and not old_in:
        yield f"{previous} is set in no unit, so no rotation of {secret['name']} is under way. Leave out secret_step"
    if step == "end" and not secret["overlap"]:
        yield (
            f"secret_step=end is for a secret with previous, and {secret['name']} has none. Run it without secret_step"
        )


def _unfinished(secret: Secret, step: str, seen: Seen, data: Mapping[str, Any]) -> Iterator[str]:
    """Yield why the step cannot follow on a run that did not finish."""
    name, earlier = secret["name"], data.get("step") or "rotate"
    if earlier == "end" and step != "end":
        yield f"An earlier run has started to end the old value of {name}. Finish it with -e secret_step=end"
    elif step == "end" and earlier != "end":
        yield (
            f"The rotation of {name} has not finished. Finish it without secret_step, or undo it with -e"
            " secret_step=undo"
        )
    elif step == "undo" and data.get("new"):
        yield f"{name} had no value before, so there is none to put back. Finish it without secret_step"
    elif step == "undo" and _hidden(seen):
        yield (
            f"The platform never returned the old value of {name}, so it cannot be put back. Finish it without"
            " secret_step"
        )
    elif step == "undo" and data.get("ended"):
        yield GONE.format(f"The old value of {name}")


def _hidden(seen: Seen) -> bool:
    return any(one["hidden"] for one in seen.values())


def _values(secret: Secret, seen: Seen, again: bool) -> Iterator[str]:
    """Yield what is wrong with the values that the units have."""
    name, pair = secret["variable"], secret["pair"]
    lacking = sorted(unit for unit, one in seen.items() if not one["set"])
    if pair and lacking and len(lacking) == len(seen):
        yield f"{name} is set in no unit, so the app does not use this kind of secret. Correct variable, or units"
    elif lacking and len(lacking) < len(seen) and not again:
        yield f"{name} is not set in {', '.join(lacking)}. Correct units, or set it with variables.yml"
    for unit, one in seen.items():
        if one["hidden"] and (pair or secret["overlap"]):
            cannot = "its login cannot be replaced" if pair else f"{secret['previous']} cannot get it"
            yield f"{unit}: the platform never returns the value of {name}, so {cannot}. Set it as one that can be read"
        elif pair and one["set"] and one["user"] not in pair:
            user = f"logs in as {one['user']}" if one["user"] is not None else f"has no URL in {name}"
            yield f"{unit} {user}, not as {' or '.join(pair)}. Correct {name} with variables.yml, or the secret"
    users = sorted({str(one["user"]) for one in seen.values() if one["user"] in pair})
    if len(users) > 1 and not again:
        yield f"{name} has different users: {', '.join(users)}. Give every unit the same one with variables.yml"


def _unread(secret: Secret, seen: Seen, examples: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    """Yield the variables that no unit has yet and that the app does not read, as far as its .env.example says."""
    for unit, one in seen.items():
        names = [secret["variable"]] if not one["set"] else []
        names += [secret["previous"]] if secret["overlap"] else []
        for name in names:
            if examples.get(unit) and name not in examples[unit]:
                yield f"{unit} does not read {name}, which its .env.example does not name. Correct it, or the secret"


def _unnamed(secret: Secret, seen: Seen, others: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield who else uses one of the two logins, and would keep the one that ends."""
    name, pair = secret["variable"], secret["pair"]
    for unit, one in seen.items():
        if pair and one["others"]:
            yield (
                f"{unit} has the login of {name} in {', '.join(one['others'])}, too, which the rotation does not"
                " change. Give that a login of its own, or remove it"
            )
    for other in others:
        if (user := other.get("rotation", {}).get("user")) in pair:
            yield (
                f"{_unit(other)} logs in as {user}, too, and is not among the units. Add it to"
                f" secrets.{secret['name']}.units"
            )


def _turn(pair: Sequence[str], seen: Seen, target: str) -> tuple[str, str]:
    """Return (the login to use from now on, the one that ends); both empty for a random value."""
    if not pair:
        return "", ""
    used = {one["user"] for one in seen.values()}
    chosen = target if target in pair else next((name for name in pair if name not in used), pair[0])
    return chosen, next(name for name in pair if name != chosen)


def _unit(result: Mapping[str, Any]) -> str:
    return str(result["backend_unit"]["name"])


def _shown(secret: Secret, step: str) -> str:
    """Return the variable that a step is about."""
    return str(secret["previous"] if step == "end" else secret["variable"])


def _there(result: Mapping[str, Any], step: str) -> bool:
    """Return whether a unit has the variable that a step is about."""
    return bool(result["rotation"]["previous" if step == "end" else "set"])


def _described(result: Mapping[str, Any], variable: str, there: bool) -> str:
    """Return a unit's variable as it is shown: the user of its URL, and the digest of its value."""
    report, digest = result["rotation"], digests_of(result).get(variable)
    if not there:
        return "not set"
    user = f"{report['user']}, " if report["user"] else ""
    return f"{user}{f'digest {digest[:SHORT]}' if digest else 'set, not shown'}"


def after(plan: Mapping[str, Any], secret: Secret, results: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Return what each unit's variable will be, from what the modules say in check mode of the new value."""
    name, user = _shown(secret, plan["step"]), plan["peer"] if plan["step"] == "undo" else plan["target"]
    there = plan["step"] != "end"
    return {f"{_unit(one)} {name}": _described({**one, "rotation": {"user": user}}, name, there) for one in results}


def lines(change: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the lines of a change, before and after."""
    return [f"{key}: {was} -> {change['after'].get(key, 'a new value')}" for key, was in change["before"].items()]


def problems(results: Sequence[Mapping[str, Any]], plan: Mapping[str, Any]) -> list[str]:
    """Return why a module refuses the new value in check mode, or why the old login cannot be put back."""
    refused = [one for one in results if one and not one.get("skipped") and not SUCCESS & one.keys()]
    gone = plan["step"] == "undo" and any(one.get("peer_can_login") is False for one in results)
    return [*map(failure_message, refused), *([GONE.format(f"The login of {plan['peer']}")] if gone else [])]


def listing(secrets: Sequence[Secret], infos: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return a line for each declared secret, with the digests of its variable."""
    lines = []
    for one in secrets:
        units = []
        for unit in one["units"]:
            digest = infos.get(unit, {}).get(one["variable"])
            known = one["variable"] in infos.get(unit, {})
            units.append(f"{unit} {f'digest {digest[:SHORT]}' if digest else 'not shown' if known else 'not set'}")
            if one["previous"] in infos.get(unit, {}):
                units.append(f"{unit} has the old value too")
        pair = f", {' and '.join(one['pair'])} in turn" if one["pair"] else ""
        lines.append(f"{one['name']} ({one['kind']}{pair}): {one['variable']} of {', '.join(units)}")
    return lines


def message(secret: Secret, step: str, plan: Mapping[str, Any]) -> str:
    """Return what a run did with a secret."""
    name, variable, units = secret["name"], secret["variable"], ", ".join(secret["units"])
    if step == "undo":
        return f"{name}: {variable} has its old value again in {units}."
    if step == "end":
        return f"{name}: the old value has ended, {secret['previous']} is gone from {units}."
    done = f"{name}: {variable} was changed once in {units}, and each is healthy with it."
    if secret["pair"]:
        return f"{done} They log in as {plan['target']}; the login of {plan['peer']} has ended. A rollback keeps it."
    if plan["new"]:
        return f"{name}: {variable} was generated for {units}. A rollback keeps it."
    if secret["overlap"]:
        return f"{done} The old value is valid until -e secret_name={name} -e secret_step=end. A rollback keeps both."
    return f"{done} The app reads no old value, so what was signed with it is not valid any more. A rollback keeps it."
