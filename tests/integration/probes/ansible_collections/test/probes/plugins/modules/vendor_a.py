# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vendor_a
short_description: Say which token it was given
description: For tests/integration/test_in_process.py.
options: {}
"""

from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str"},
            "api_url": {"type": "str"},
            "api_token": {"type": "str", "no_log": False},
        }
    )
    module.exit_json(**module.params)


if __name__ == "__main__":
    main()
