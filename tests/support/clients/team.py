"""Further members of a partner's team, inserted into the database."""

from uuid import uuid4

import psycopg

from gateway.instance import read_instance
from tests.support.clients.cabinet import CabinetPartner, Person, person

ADD = """
INSERT INTO partner_users (id, partner_id, email, password_hash, one_time, updated_at, role)
SELECT %s, partner_id, %s, password_hash, false, now(), %s FROM partner_users WHERE email = %s
"""


def own(partner: CabinetPartner, sql: str, *parameters: object) -> list[tuple[object, ...]]:
    """Run a statement as the owner of the tables of the running service."""
    instance = read_instance(partner.up.data_dir)
    assert instance is not None
    with psycopg.connect(instance.owner_database_url, autocommit=True) as connection:
        cursor = connection.execute(sql.encode(), parameters)
        return cursor.fetchall() if cursor.description else []


def add_member(partner: CabinetPartner, role: str) -> str:
    """Add a member with the owner's password; return the email address."""
    email = f"{role}-{uuid4().hex}@partners.example"
    own(partner, ADD, uuid4(), email, role, partner.email)
    return email


def signed_in(partner: CabinetPartner, role: str) -> Person:
    """Return a new member with this role, signed in."""
    browser = person(partner.up)
    response = browser.sign_in(add_member(partner, role), partner.password)
    assert response.status == 303, response.words()
    return browser
