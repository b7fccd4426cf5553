# Copyright: Contributors to storefront.runbook
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What an archive takes for granted, read from its definition."""

from __future__ import annotations

from ansible_collections.storefront.runbook.plugins.module_utils.data.restore import Needs, read_needs

DEFINITION = '''
CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
CREATE EXTENSION IF NOT EXISTS "uuid-ossp" WITH SCHEMA public;
ALTER TABLE public.item OWNER TO shop;
ALTER FUNCTION public.touch() OWNER TO "Shop ""Admin""";
CREATE POLICY readers ON public.customer FOR SELECT TO reader, "web user" USING ((name IS NOT NULL));
CREATE POLICY writers ON public.customer TO writer WITH CHECK (true);
CREATE POLICY everybody ON public.item USING (true);
REVOKE ALL ON TABLE public.item FROM PUBLIC;
GRANT SELECT ON TABLE public.item TO report WITH GRANT OPTION;
GRANT ALL ON FUNCTION public.touch() TO "cron-job";
ALTER DEFAULT PRIVILEGES FOR ROLE maker IN SCHEMA public GRANT SELECT ON TABLES  TO taker;
COMMENT ON TABLE public.item IS 'GRANT me a wish TO nobody';
'''


def test_extensions_owners_and_everybody_who_was_granted_something_are_found() -> None:
    assert read_needs(DEFINITION) == Needs(
        extensions=frozenset({"pg_trgm", "uuid-ossp"}),
        owners=frozenset({"shop", 'Shop "Admin"'}),
        others=frozenset({"reader", "web user", "writer", "report", "cron-job", "maker", "taker"}),
    )


def test_a_definition_may_need_nothing() -> None:
    assert read_needs("CREATE TABLE public.item (id integer);") == Needs(frozenset(), frozenset(), frozenset())
