# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a refused run as the command that follows has them: without what the refusal says to leave out, and
without a value that it calls wrong.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Sequence

from ...module_utils.core.json_text import loads
from .given import name_of, without

_SENTENCE = re.compile(r"\n(?:- )?|(?<=[.;]) (?=\S)")
_MEANT = re.compile(r"did you mean ([\w./-]+)\?")
_INSTEAD = re.compile(r"with -e (\w+)=<")
_WANTED = re.compile(r"\bname [^.;]*?with -e (\w+)=(?:[A-Z]+\b|<)", re.IGNORECASE)
_LEFT_OUT = re.compile(r"\bleave (?P<what>[^.;]*)", re.IGNORECASE)
_JUDGED = r"(?=(?: \([^)]*\))? (?:is|are|has|have|must|cannot|needs|holds|names|takes|belongs)\b|:|\.\w|\[)"


def corrected(options: Sequence[str], why: str) -> list[str]:
    """Return the options of a run that was refused for ``why``."""
    names = [name_of(option) for option in options]
    found = [(option, new) for option in options for new in _corrected(option, why)]
    # an option under another name does not count beside one that has that name already
    kept = [new for option, new in found if name_of(new) in ("", name_of(option)) or name_of(new) not in names]
    wanted = [
        match[1] for line in _SENTENCE.split(why) if "does not read it" not in line for match in _WANTED.finditer(line)
    ]
    return [*without(kept, *wanted), *(f"-e {name}={name.upper()}" for name in dict.fromkeys(wanted))]


def _corrected(option: str, why: str) -> Iterator[str]:
    name = name_of(option)
    if not name:
        yield from _mapping(option, why)
        return
    value = shlex.split(option)[1].partition("=")[2].strip("\"'")
    verdict = _verdict(name, value, why)
    if verdict is None:
        yield option
    elif verdict:
        yield f"-e {verdict}"


def _mapping(option: str, why: str) -> Iterator[str]:
    """Yield a mapping without the variables that are wrong; another option as it is."""
    try:
        values = loads(shlex.split(option)[-1])
    except ValueError:
        values = None
    if not isinstance(values, dict):
        yield option
        return
    verdicts = {name: _verdict(name, value if isinstance(value, str) else "", why) for name, value in values.items()}
    kept = {name: value for name, value in values.items() if verdicts[name] is None}
    if len(kept) == len(values):
        yield option
    elif kept:
        yield f"-e {shlex.quote(json.dumps(kept, ensure_ascii=False))}"
    yield from (f"-e {verdict}" for verdict in verdicts.values() if verdict)


def _verdict(name: str, value: str, why: str) -> str | None:
    """Return ``name=value`` as it should be; empty to leave it out, and None where nothing is said of it."""
    sentences = _SENTENCE.split(why)
    if any(re.search(rf"(?<!-e )\b{name}\b", out["what"]) for out in _LEFT_OUT.finditer(why)):
        return ""
    for sentence, following in zip(sentences, [*sentences[1:], ""], strict=True):
        if not re.match(rf"(?:[a-z, ]+: )?{name}\b{_JUDGED}", sentence) and not _judges(name, value, sentence):
            continue
        meant = _MEANT.search(sentence)
        if f"{name} is not a variable" in sentence:
            return f"{meant[1]}={shlex.quote(value)}" if meant else ""
        if "does not read it" in sentence:
            instead = _INSTEAD.search(sentence)
            return f"{instead[1]}={shlex.quote(value)}" if instead else ""
        if "or leave it out" not in sentence and re.search(
            r"\bleave it out\b", f"{sentence} {following}", re.IGNORECASE
        ):
            return ""
        return f"{name}={meant[1] if meant and ',' not in value else name.upper()}"
    return None


def _judges(name: str, value: str, sentence: str) -> bool:
    """Whether a value is wrong by what a module says, whose own option has another name; or a part of it, such as one
    of two releases.
    """
    if (
        name.endswith("_path")
        and "/" in value
        and re.search(rf"{re.escape(value.rpartition('/')[0])}(?=[\s:/)])", sentence)
    ):
        return True
    quoted = [re.escape(repr(part)) for part in {value, *re.split(r"\.\.|,", value)} if part]
    return any(
        re.search(rf"\b(?:is|be) {part}|{part} (?:is (?:unknown|not|no)|does not)\b", sentence) for part in quoted
    )
