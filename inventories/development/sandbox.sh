#!/bin/sh
# The storefronts of the sandbox, as an inventory: sandbox/inventory.py says what is in it.
exec python3 -I "$(dirname "$(readlink -f "$0")")/../../sandbox/inventory.py"
