"""People in a partner's cabinet, in browsers without scripts."""

import base64
import hashlib
import re
import time
from typing import Any, Self
from uuid import UUID, uuid4

import msgspec
import psycopg
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from valkey import Valkey

from gateway.settings import read_instance
from tests.client import Partner
from tests.conftest import Running
from tests.visitor import Seen, Visitor

TOKEN = re.compile(r'name="form_token" value="([A-Za-z0-9_-]{43})"')


class Person(Visitor):
    """A browser in the cabinet."""

    def sign_in(self, email: str, password: str, **more: str) -> Seen:
        return self.post("/partner/login", {"email": email, "password": password} | more)

    def session_id(self) -> str:
        token = self.cookies["cabinet"].split(".")[2]
        return hashlib.sha256(f"session {token}".encode()).hexdigest()

    def age_proof(self, up: Running, *, seconds: float) -> None:
        """Let time pass since this browser has given a code of the second factor."""
        member = UUID(self.cookies["cabinet"].split(".")[1])
        key = f"{{m:{member}}}:session:{self.session_id()}"
        with Valkey.from_url(up.valkey_url()) as valkey:
            proved = valkey.hget(key, "proved")
            assert isinstance(proved, bytes)
            valkey.hset(key, "proved", str(float(proved) - seconds))

    def token_of(self, path: str) -> str:
        found = TOKEN.search(self.get(path).text)
        assert found is not None, path
        return found[1]

    def send_form(self, page: str, action: str = "", **fields: str) -> Seen:
        """Send a form of a page as it stands there."""
        return self.post(action or page, {"form_token": self.token_of(page), **fields})


FACTOR = "/partner/account/second-factor"
SECRET = re.compile(r'<code id="secret">([A-Z2-7 ]+)</code>')


def set_up_factor(visitor: Person, password: str) -> str:
    """Turn a second factor on; return its secret. Its present code is used up by that."""
    assert visitor.send_form(FACTOR, f"{FACTOR}/begin", password=password).status == 303
    found = SECRET.search(visitor.get(FACTOR).text)
    assert found is not None
    secret = found[1].replace(" ", "")
    done = visitor.send_form(FACTOR, f"{FACTOR}/confirm", code=code_of(secret))
    assert done.status == 200, done.words()
    return secret


def code_of(secret: str, *, steps: int = 0) -> str:
    """Return the code that an app shows now, or some steps of 30 seconds from now."""
    app = TOTP(base64.b32decode(secret), 6, SHA1(), 30)
    return app.generate(int(time.time()) + 30 * steps).decode()


def person(up: Running) -> Person:
    return Person(up.base_url)


class CabinetPartner(msgspec.Struct):
    """A partner with an owner whose password is known."""

    up: Running
    id: str
    email: str
    password: str
    api_key: str = ""
    api_secret: str = ""

    @classmethod
    def new(cls, up: Running) -> Self:
        email = f"{uuid4().hex}@partners.example"
        created: dict[str, Any] = up.json("partner", "create", "--email", email)
        keys = created["apiKey"], created["apiSecret"]
        partner = cls(up, created["id"], email, "", *keys)
        given = partner.one_time_password()
        partner.password = f"one's own {uuid4()}"
        visitor = person(up)
        visitor.sign_in(email, given)
        chosen = {"former": given, "chosen": partner.password, "again": partner.password}
        assert visitor.send_form("/partner/new-password", **chosen).status == 303
        return partner

    def api(self) -> Partner:
        """Return the partner's own client, once all workers know it."""
        return Partner(self.up.base_url, self.api_key, self.api_secret).once_known()

    def one_time_password(self) -> str:
        return str(self.up.json("partner", "password", self.email)["password"])

    def owner_with_factor(self) -> tuple[Person, str]:
        """Return the owner, signed in, with a fresh second factor, and its secret."""
        owner = self.owner()
        secret = set_up_factor(owner, self.password)
        return owner, secret

    def member(self, role: str) -> Person:
        """Return somebody of the team with this role, signed in with the owner's password."""
        email = f"{role}-{uuid4().hex[:8]}@partners.example"
        instance = read_instance(self.up.data_dir)
        assert instance is not None
        with psycopg.connect(instance.owner_database_url, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO partner_users (id, partner_id, email, password_hash, one_time, role,"
                " updated_at) SELECT gen_random_uuid(), partner_id, %s, password_hash, false, %s,"
                " now() FROM partner_users WHERE email = %s",
                (email, role, self.email),
            )
        visitor = person(self.up)
        answer = visitor.sign_in(email, self.password)
        assert answer.status == 303, answer.words()
        return visitor

    def owner(self) -> Person:
        """Return the owner, signed in on a browser of its own."""
        visitor = person(self.up)
        answer = visitor.sign_in(self.email, self.password)
        assert answer.status == 303, answer.words()
        return visitor
