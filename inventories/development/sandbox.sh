#!/bin/sh
# The storefronts of the sandbox, as an inventory. sandbox/inventory.py generates it.
exec python3 -I "$(dirname "$(readlink -f "$0")")/../../sandbox/inventory.py"
