"""A temporary table in place of ours runs no code with more rights than its creator has."""

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.conftest import DatabaseUrls, Servers
from tests.support.clients.operator_command import new_operator

# The trigger of each table runs where a function that runs as its owner writes to it.
ATTACK = """
CREATE FUNCTION pg_temp.attack() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('attack.ran_as', current_user, false);
  RETURN NEW;
END
$$;
CREATE TEMPORARY TABLE revisions (LIKE public.revisions);
INSERT INTO pg_temp.revisions SELECT * FROM public.revisions;
GRANT ALL ON pg_temp.revisions TO PUBLIC;
CREATE TRIGGER attack BEFORE UPDATE ON pg_temp.revisions
  FOR EACH ROW EXECUTE FUNCTION pg_temp.attack();
CREATE TEMPORARY TABLE partners (LIKE public.partners);
INSERT INTO pg_temp.partners SELECT * FROM public.partners;
GRANT ALL ON pg_temp.partners TO PUBLIC;
CREATE TRIGGER attack BEFORE UPDATE ON pg_temp.partners
  FOR EACH ROW EXECUTE FUNCTION pg_temp.attack();
"""
ADD_CODE = """
INSERT INTO public.codes (id, partner_id, code, enabled, created_at)
SELECT gen_random_uuid(), id, 'attack', true, now() FROM public.partners
"""
CHANGE_PARTNER = """
UPDATE public.partners SET webhook_url = 'https://attack.example/' || gen_random_uuid()
"""

# As it was before: a path without pg_temp at its end, and names that are not qualified.
UNSAFE_FUNCTION = """
CREATE OR REPLACE FUNCTION partner_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public AS $$
BEGIN
  UPDATE revisions SET revision = revision + 1 WHERE topic = 'partners'
    RETURNING revision INTO NEW.revision;
  RETURN NEW;
END
$$
"""
# What the code of an attacker would do: send payouts elsewhere, credit deposits, become superuser.
LOOT = (
    "UPDATE public.orders SET destination_address = 'attacker'",
    "UPDATE public.orders SET state = 'paying_out'",
    "INSERT INTO public.deposits (order_id) SELECT id FROM public.orders",
    "INSERT INTO public.ledger_postings (amount) VALUES (1)",
    "INSERT INTO public.proposals (approved_by) VALUES ('attacker')",
    "INSERT INTO public.payout_details (address) VALUES ('attacker')",
    "UPDATE public.reserves SET amount = 0",
    "CREATE TABLE public.mine ()",
    "ALTER ROLE swapgate_gateway SUPERUSER",
    "COPY (SELECT 1) TO PROGRAM 'true'",
    "SELECT pg_read_file('postgresql.conf')",
)
LOOTING = """
CREATE OR REPLACE FUNCTION pg_temp.attack() RETURNS trigger LANGUAGE plpgsql AS $attack$
BEGIN
  PERFORM set_config('attack.ran_as', current_user, false);
  BEGIN
    EXECUTE $loot${}$loot$;
    PERFORM set_config('attack.result', 'done', false);
  EXCEPTION WHEN insufficient_privilege THEN
    PERFORM set_config('attack.result', 'denied', false);
  END;
  RETURN NEW;
END
$attack$
"""


@pytest.fixture
def attacker(
    database_urls: DatabaseUrls, servers: Servers, tmp_path: Path
) -> Iterator[psycopg.Connection]:
    """Connect as the gateway to a database with a partner, in which everybody may use TEMP."""
    operator = new_operator(database_urls, servers, tmp_path)
    operator.json("partner", "create", "--email", "victim@wallet.example")
    with psycopg.connect(database_urls.gateway, autocommit=True) as connection:
        operator.sql(f'GRANT TEMPORARY ON DATABASE "{connection.info.dbname}" TO PUBLIC')
        yield connection


def ran_as(connection: psycopg.Connection) -> str | None:
    for call in (ADD_CODE, CHANGE_PARTNER):
        connection.execute(call.encode())
    row = connection.execute("SELECT current_setting('attack.ran_as', true)").fetchone()
    assert row is not None
    name: str | None = row[0]
    return name


@pytest.mark.parametrize("role", ["gateway", "settlement", "admin"])
def test_no_role_creates_temporary_tables_or_functions(
    database_urls: DatabaseUrls, role: str
) -> None:
    for statement in (
        "CREATE TEMPORARY TABLE revisions (topic text)",
        "CREATE FUNCTION pg_temp.attack() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ):
        with (
            psycopg.connect(getattr(database_urls, role)) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement.encode())


def test_a_temporary_table_stands_in_for_none_of_ours(attacker: psycopg.Connection) -> None:
    attacker.execute(ATTACK.encode())
    assert ran_as(attacker) is None


def test_even_an_unsafe_function_has_no_rights_that_are_worth_an_attack(
    attacker: psycopg.Connection, database_urls: DatabaseUrls
) -> None:
    with psycopg.connect(database_urls.owner, autocommit=True) as owner:
        owner.execute(UNSAFE_FUNCTION.encode())
    attacker.execute(ATTACK.encode())
    for statement in LOOT:
        attacker.execute(LOOTING.format(statement).encode())
        attacker.execute(CHANGE_PARTNER.encode())
        row = attacker.execute(
            "SELECT current_setting('attack.ran_as'), current_setting('attack.result')"
        ).fetchone()
        assert row == ("swapgate_functions_partners", "denied"), statement
