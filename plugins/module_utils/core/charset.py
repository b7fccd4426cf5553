# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Text of any charset as UTF-8, once, where it is received."""

from __future__ import annotations

import codecs
import json
import re

MARKS = (  # the longer ones first: that of UTF-32 begins as that of UTF-16 does
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def in_utf8(body: bytes, content_type: str) -> bytes | None:
    """Return a text in UTF-8 without a byte-order mark; None for what is not text, is UTF-8 already, or is not in the
    charset that it claims.

    A mark counts more than ``content_type``. JSON without either is in UTF-8, UTF-16 or UTF-32, which differ in their
    zeros.
    """
    kind = content_type.lower()
    is_json = "json" in kind
    if not (is_json or kind.startswith("text/") or not kind):
        return None
    marked = next((charset for mark, charset in MARKS if body.startswith(mark)), None)
    claimed = re.search(r"charset\s*=\s*[\"']?([\w.:-]+)", kind)
    charset = marked or (claimed[1] if claimed else json.detect_encoding(body[:4]) if is_json else "utf-8")
    try:
        name = codecs.lookup(charset).name
        return None if name == "utf-8" else body.decode(name).encode()
    except (LookupError, ValueError):
        return None
