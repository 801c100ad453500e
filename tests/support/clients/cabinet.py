"""People in a partner's cabinet, in browsers without scripts."""

import base64
import hashlib
import re
import time
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from typing import Any, Self
from uuid import UUID, uuid4

import msgspec
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from valkey import Valkey

from tests.conftest import Running
from tests.support.clients.operator_command import operate
from tests.support.clients.partner import Partner
from tests.support.clients.visitor import Seen, Visitor
from tests.support.waiting import wait_until

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


TEAM = "/partner/team"
ONE_TIME = re.compile(r'<code id="password">([A-Za-z0-9_-]{20})</code>')
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
FACTOR = "/partner/account/second-factor"
SECRET = re.compile(r'<code id="secret">([A-Z2-7 ]+)</code>')


class App(msgspec.Struct):
    """What shows codes of a second factor, on somebody's phone."""

    secret: str
    shown: int = 0

    def code(self) -> str:
        """Return a code that wasn't shown before: the present one, or at once the next."""
        self.shown = max(self.shown + 1, int(time.time()) // 30)
        return self.code_of(self.shown)

    def code_of(self, step: int) -> str:
        """Return the code of a step of 30 seconds."""
        app = TOTP(base64.b32decode(self.secret), 6, SHA1(), 30)
        return app.generate(30 * step).decode()


def set_up_factor(visitor: Person, password: str) -> tuple[App, list[str]]:
    """Turn a second factor on; return the app that has it, and its recovery codes."""
    assert visitor.send_form(FACTOR, f"{FACTOR}/begin", password=password).status == 303
    found = SECRET.search(visitor.get(FACTOR).text)
    assert found is not None
    app = App(found[1].replace(" ", ""))
    done = visitor.send_form(FACTOR, f"{FACTOR}/confirm", code=app.code())
    assert done.status == 200, done.words()
    return app, codes_on(done)


def codes_on(page: Seen) -> list[str]:
    """Return the recovery codes that a page shows."""
    return re.findall(r"^(?:.*>)?([a-z2-7]{4}(?:-[a-z2-7]{4}){3})$", page.text, re.MULTILINE)


def give(visitor: Person, page: Seen | str, code: str) -> Seen:
    """Give a code on the page that asks for one, with all that stands in its form."""
    text = visitor.get(page).text if isinstance(page, str) else page.text
    form = {name: unescape(value) for name, value in HIDDEN.findall(text)}
    form |= {"step_up_code": code}
    answer = visitor.post("/partner/verify", form)
    if answer.status == 307:  # as a browser does: the same form, elsewhere
        return visitor.post(answer.location, form)
    return answer


def commanded(up: Running, *arguments: str) -> dict[str, Any]:
    """Run the operator's command; in a thread, since a browser's event loop may occupy this one."""
    with ThreadPoolExecutor(1) as thread:
        done: dict[str, Any] = thread.submit(operate, up, *arguments).result()
    return done


def person(up: Running) -> Person:
    return Person(up.base_url)


class CabinetPartner(msgspec.Struct):
    """A partner with an owner whose password is known."""

    up: Running
    id: str
    email: str
    password: str
    api: Partner
    """Its calls of the API."""
    webhook_secret: str

    @classmethod
    def new(cls, up: Running, *more: str, email: str | None = None) -> Self:
        """Create a partner; `more` are further options of the command."""
        email = email or f"{uuid4().hex}@partners.example"
        created = commanded(up, "partner", "create", "--email", email, *more)
        api = Partner(up.base_url, created["apiKey"], created["apiSecret"])
        partner = cls(up, created["id"], email, "", api, created["webhookSecret"])
        given = partner.one_time_password()
        partner.password = f"one's own {uuid4()}"
        visitor = person(up)
        visitor.sign_in(email, given)
        chosen = {"former": given, "chosen": partner.password, "again": partner.password}
        assert visitor.send_form("/partner/new-password", **chosen).status == 303
        return partner

    def command(self, *arguments: str) -> dict[str, Any]:
        return commanded(self.up, *arguments)

    def carried(self, *orders: dict[str, Any]) -> None:
        """Pay orders in, and wait until all of them are done."""
        for order in orders:
            self.command("sandbox", "deposit", order["id"])

        def statuses() -> set[str]:
            asked = [{"id": one["id"], "token": one["token"]} for one in orders]
            return {self.api.call("/order", one).data["status"] for one in asked}

        wait_until(statuses, {"DONE"}.__eq__)

    def one_time_password(self) -> str:
        return str(self.command("partner", "password", self.email)["password"])

    def owner_with_factor(self) -> tuple[Person, App]:
        """Return the owner, signed in, with a second factor that was just set up, and its app."""
        owner = self.owner()
        app, _ = set_up_factor(owner, self.password)
        return owner, app

    def colleague(
        self, owner: Person, role: str, email: str | None = None
    ) -> tuple[Person, str, str]:
        """Have an owner with a fresh second factor invite somebody, who chooses a password.

        Returns them signed in, their e-mail address and password.
        """
        email, password = email or f"{uuid4().hex}@partners.example", f"their own {uuid4()}"
        invited = owner.send_form(TEAM, f"{TEAM}/invite", email=email, role=role)
        found = ONE_TIME.search(invited.text)
        assert found is not None, invited.words()
        visitor = person(self.up)
        assert visitor.sign_in(email, found[1]).status == 303
        chosen = {"former": found[1], "chosen": password, "again": password}
        assert visitor.send_form("/partner/new-password", **chosen).status == 303
        return visitor, email, password

    def owner(self) -> Person:
        """Return the owner, signed in on a browser of its own."""
        visitor = person(self.up)
        answer = visitor.sign_in(self.email, self.password)
        assert answer.status == 303, answer.words()
        return visitor
