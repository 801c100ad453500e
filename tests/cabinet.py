"""People in a partner's cabinet, in browsers without scripts."""

import re
from typing import Any, Self
from uuid import uuid4

import msgspec

from tests.conftest import Running
from tests.visitor import Seen, Visitor

TOKEN = re.compile(r'name="form_token" value="([A-Za-z0-9_-]{43})"')


class Person(Visitor):
    """A browser in the cabinet."""

    def sign_in(self, email: str, password: str, **more: str) -> Seen:
        return self.post("/partner/login", {"email": email, "password": password} | more)

    def token_of(self, path: str) -> str:
        found = TOKEN.search(self.get(path).text)
        assert found is not None, path
        return found[1]

    def send_form(self, page: str, action: str = "", **fields: str) -> Seen:
        """Send a form of a page as it stands there."""
        return self.post(action or page, {"form_token": self.token_of(page), **fields})


def person(up: Running) -> Person:
    return Person(up.base_url)


class CabinetPartner(msgspec.Struct):
    """A partner with an owner whose password is known."""

    up: Running
    id: str
    email: str
    password: str

    @classmethod
    def new(cls, up: Running) -> Self:
        email = f"{uuid4().hex}@partners.example"
        created: dict[str, Any] = up.json("partner", "create", "--email", email)
        partner = cls(up, created["id"], email, "")
        given = partner.one_time_password()
        partner.password = f"one's own {uuid4()}"
        visitor = person(up)
        visitor.sign_in(email, given)
        chosen = {"former": given, "chosen": partner.password, "again": partner.password}
        assert visitor.send_form("/partner/new-password", **chosen).status == 303
        return partner

    def one_time_password(self) -> str:
        return str(self.up.json("partner", "password", self.email)["password"])

    def owner(self) -> Person:
        """Return the owner, signed in on a browser of its own."""
        visitor = person(self.up)
        answer = visitor.sign_in(self.email, self.password)
        assert answer.status == 303, answer.words()
        return visitor
