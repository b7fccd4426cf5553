# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Write a Sphinx inventory of the labels in Ansible's own documentation that our pages refer to, so that
links resolve without the network.
"""

from __future__ import annotations

import sys
import zlib
from pathlib import Path

# Label, page and title. A build that warns of an undefined label needs one more line here.
LABELS = {
    "ansible_collections.ansible.builtin.default_callback": (
        "collections/ansible/builtin/default_callback.html",
        "ansible.builtin.default",
    ),
    "ansible_configuration_settings": ("reference_appendices/config.html", "Ansible Configuration Settings"),
    "callback_plugins": ("plugins/callback.html", "Callback plugins"),
    "common_return_values": ("reference_appendices/common_return_values.html", "Return Values"),
}
HEADER = (
    "# Sphinx inventory version 2\n# Project: Ansible\n# Version: devel\n# The remainder of this file is compressed"
    " using zlib.\n"
)


def inventory() -> bytes:
    """Return the inventory in Sphinx's own format."""
    lines = (
        f"{label} std:label -1 {page}#{label.replace('_', '-').replace('.', '-')} {title}\n"
        for label, (page, title) in LABELS.items()
    )
    return HEADER.encode() + zlib.compress("".join(lines).encode())


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(inventory())
