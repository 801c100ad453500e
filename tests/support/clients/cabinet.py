"""Team members who use the partner dashboard in browsers without scripts."""

import base64
import hashlib
import re
import time
from html import unescape
from typing import Any, Self
from uuid import UUID, uuid4

import msgspec
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor.totp import TOTP
from valkey import Valkey

from gateway.instance import KEYRING_FILE
from persistence.keyring_file import load_keyring
from tests.conftest import Running
from tests.support.clients.partner import Partner
from tests.support.clients.visitor import PageResponse, Visitor
from tests.support.waiting import wait_until

TOKEN = re.compile(r'name="form_token" value="([A-Za-z0-9_-]{43})"')


class Person(Visitor):
    """A browser that a team member uses."""

    def sign_in(self, email: str, password: str, **more: str) -> PageResponse:
        return self.post("/partner/login", {"email": email, "password": password} | more)

    def session_id(self) -> str:
        token = self.cookies["cabinet"].split(".")[2]
        return hashlib.sha256(f"session {token}".encode()).hexdigest()

    def member_id(self) -> UUID:
        return UUID(self.cookies["cabinet"].split(".")[1])

    def age_verification(self, up: Running, *, seconds: float) -> None:
        """Move the time at which a two-factor code was entered in this session into the past."""
        member, keyring = self.member_id(), load_keyring(up.data_dir / KEYRING_FILE)
        key = f"{{m:{member}}}:session:{self.session_id()}"
        record = f"session:{member}:{self.session_id()}:proved"
        with Valkey.from_url(up.valkey_url()) as valkey:
            stored = valkey.hget(key, "proved")
            assert isinstance(stored, bytes)
            verified_at = float(keyring.open(stored, record=record))
            valkey.hset(key, "proved", keyring.seal(str(verified_at - seconds), record=record))

    def token_of(self, path: str) -> str:
        match = TOKEN.search(self.get(path).text)
        assert match is not None, path
        return match[1]

    def send_form(self, page: str, action: str = "", **fields: str) -> PageResponse:
        """Submit a form with the CSRF token of its page."""
        return self.post(action or page, {"form_token": self.token_of(page), **fields})


TEAM = "/partner/team"
ONE_TIME = re.compile(r'<code id="password">([A-Za-z0-9_-]{20})</code>')
HIDDEN = re.compile(r'<input type="hidden" name="([^"]+)" value="([^"]*)">')
FACTOR = "/partner/account/second-factor"
SECRET = re.compile(r'<code id="secret">([A-Z2-7 ]+)</code>')


class AuthenticatorApp(msgspec.Struct):
    """An authenticator app. `last_step` is the time step of the last code it showed."""

    secret: str
    last_step: int = 0

    def code(self) -> str:
        """Return a code that was not used before: the current one, or else the next."""
        self.last_step = max(self.last_step + 1, int(time.time()) // 30)
        return self.code_of(self.last_step)

    def code_of(self, step: int) -> str:
        """Return the code of a step of 30 seconds."""
        totp = TOTP(base64.b32decode(self.secret), 6, SHA1(), 30)
        return totp.generate(30 * step).decode()


def set_up_factor(browser: Person, password: str) -> tuple[AuthenticatorApp, list[str]]:
    """Turn on two-factor authentication; return the app and the recovery codes."""
    assert browser.send_form(FACTOR, f"{FACTOR}/begin", password=password).status == 303
    match = SECRET.search(browser.get(FACTOR).text)
    assert match is not None
    app = AuthenticatorApp(match[1].replace(" ", ""))
    done = browser.send_form(FACTOR, f"{FACTOR}/confirm", code=app.code())
    assert done.status == 200, done.words()
    return app, codes_on(done)


def codes_on(page: PageResponse) -> list[str]:
    """Return the recovery codes shown on a page."""
    return re.findall(r"^(?:.*>)?([a-z2-7]{4}(?:-[a-z2-7]{4}){3})$", page.text, re.MULTILINE)


def enter_code(browser: Person, page: PageResponse | str, code: str) -> PageResponse:
    """Enter a code on the page that requires one, with the hidden fields of its form."""
    text = browser.get(page).text if isinstance(page, str) else page.text
    form = {name: unescape(value) for name, value in HIDDEN.findall(text)}
    form |= {"step_up_code": code}
    response = browser.post("/partner/verify", form)
    if response.status == 307:  # a browser submits the same form again
        return browser.post(response.location, form)
    return response


def person(up: Running) -> Person:
    return Person(up.base_url)


def choose_password(browser: Person, one_time: str, password: str) -> None:
    """Replace a one-time password by a password of the member's choice."""
    fields = password_fields(one_time, password)
    assert browser.send_form("/partner/new-password", **fields).status == 303


def password_fields(current: str, new: str) -> dict[str, str]:
    """Return the fields of a password change."""
    return {"current_password": current, "new_password": new, "repeated_password": new}


class CabinetPartner(msgspec.Struct):
    """A partner and the password of its owner."""

    up: Running
    id: str
    email: str
    password: str
    api: Partner
    """A client for API calls."""
    webhook_secret: str

    @classmethod
    def new(cls, up: Running, *more: str, email: str | None = None) -> Self:
        """Create a partner; `more` are further options of `partner create`."""
        email = email or f"{uuid4().hex}@partners.example"
        created = up.json("partner", "create", "--email", email, *more)
        api = Partner(up.base_url, created["apiKey"], created["apiSecret"])
        partner = cls(up, created["id"], email, "", api, created["webhookSecret"])
        one_time = partner.one_time_password()
        partner.password = f"own password {uuid4()}"
        browser = person(up)
        browser.sign_in(email, one_time)
        choose_password(browser, one_time, partner.password)
        return partner

    def command(self, *arguments: str) -> Any:
        return self.up.json(*arguments)

    def carried(self, *orders: dict[str, Any]) -> None:
        """Deposit the amounts of orders, and wait until all of them are DONE."""
        for order in orders:
            self.command("sandbox", "deposit", order["id"])

        def statuses() -> set[str]:
            requests = [{"id": one["id"], "token": one["token"]} for one in orders]
            return {self.api.call("/order", one).data["status"] for one in requests}

        wait_until(statuses, {"DONE"}.__eq__)

    def one_time_password(self) -> str:
        return str(self.command("partner", "password", self.email)["password"])

    def mails(self) -> list[str]:
        """Return the texts of the emails that the owner has received, newest first."""
        found: Any = self.command("sandbox", "mail", "--to", self.email, "--limit", "20")
        return [str(one["text"]) for one in found]

    def owner_with_factor(self) -> tuple[Person, AuthenticatorApp]:
        """Return the owner, signed in with a new second factor, and the app."""
        owner = self.owner()
        app, _ = set_up_factor(owner, self.password)
        return owner, app

    def invite_member(
        self, owner: Person, role: str, email: str | None = None
    ) -> tuple[Person, str, str]:
        """Have an owner with a recently verified second factor invite a member with a password.

        Returns the signed-in member, the email address and the password.
        """
        email, password = email or f"{uuid4().hex}@partners.example", f"own password {uuid4()}"
        invited = owner.send_form(TEAM, f"{TEAM}/invite", email=email, role=role)
        match = ONE_TIME.search(invited.text)
        assert match is not None, invited.words()
        browser = person(self.up)
        assert browser.sign_in(email, match[1]).status == 303
        choose_password(browser, match[1], password)
        return browser, email, password

    def owner(self) -> Person:
        """Return the owner, signed in on a new browser."""
        browser = person(self.up)
        response = browser.sign_in(self.email, self.password)
        assert response.status == 303, response.words()
        return browser
