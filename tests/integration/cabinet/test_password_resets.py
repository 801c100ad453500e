"""Links to reset a password: when they are sent, and by which mail server."""

import secrets
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from domain.actions.cabinet.ports import ResetMailPorts
from domain.actions.cabinet.reset_password import send_reset_link
from domain.cabinet.mail import Mail, MailTransport
from domain.cabinet.password_reset import LIFETIME, reset_hash
from domain.errors import Unavailable
from feeds.mail.files import MAX_FILES, MailDirectory
from feeds.mail.smtp import SmtpTransport
from gateway.runtime.clock import new_id
from persistence.postgres.cabinet.audit import PostgresAuditLog
from persistence.postgres.cabinet.password_resets import PostgresPasswordResetRepository
from persistence.postgres.pool import Database
from tests.conftest import DatabaseUrls
from tests.support.builders.records import START, stored_partner
from tests.support.servers.mail_server import ReceivingMailServer

MAIL = Mail("ada@wallet.example", "A subject", "A text.\n.with a dot\n")
EMAIL = "ada@wallet.example"


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time


class Outbox:
    """A MailTransport that stores emails, or fails."""

    def __init__(self) -> None:
        self.mails: list[Mail] = []
        self.fails = False

    async def send(self, mail: Mail) -> None:
        if self.fails:
            raise Unavailable("no mail server")
        self.mails.append(mail)


class World:
    """The actions over a real database, with one member."""

    def __init__(self, database: Database, outbox: MailTransport) -> None:
        self.clock = Clock()
        self.resets = PostgresPasswordResetRepository(database)
        self.ports = ResetMailPorts(
            clock=self.clock,
            resets=self.resets,
            transport=outbox,
            audit=PostgresAuditLog(database),
            new_id=new_id,
            randomness=secrets.token_bytes,
            public_url="https://swap.example",
            service="Swap",
        )

    async def request(self, email: str = EMAIL) -> None:
        await self.resets.request(new_id(), email, address="192.0.2.1", now=self.clock.now())

    async def send(self) -> bool:
        return await send_reset_link(self.ports) is not None

    async def is_valid(self, mail: Mail) -> bool:
        _, _, token = mail.text.partition("?token=")
        found = await self.resets.find(reset_hash(token.split()[0]), now=self.clock.now())
        return found is not None


@pytest.fixture
async def database(database_urls: DatabaseUrls) -> AsyncIterator[Database]:
    database = Database(database_urls.gateway)
    admin = Database(database_urls.admin)
    partner = await stored_partner(admin)
    admin.close()
    with psycopg.connect(database_urls.admin, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO partner_users (id, partner_id, email, password_hash, one_time, updated_at)"
            " VALUES (%s, %s, %s, '', false, %s)",
            (uuid4(), partner.id, EMAIL, START),
        )
    yield database
    database.close()


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture
def world(database: Database, outbox: Outbox) -> World:
    return World(database, outbox)


async def test_a_link_is_sent_once_to_a_member_and_never_to_others(
    world: World, outbox: Outbox
) -> None:
    await world.request("nobody@wallet.example")
    await world.request()
    assert await world.send()
    assert not await world.send()
    (mail,) = outbox.mails
    assert mail.to == EMAIL
    assert "https://swap.example/partner/reset/choose?token=" in mail.text
    assert await world.is_valid(mail)


async def test_a_link_that_could_not_be_sent_is_sent_later_with_another_token(
    world: World, outbox: Outbox
) -> None:
    await world.request()
    outbox.fails = True
    with pytest.raises(Unavailable):
        await world.send()
    assert not await world.send(), "the next attempt is not due yet"
    outbox.fails = False
    world.clock.time += timedelta(seconds=15)
    assert await world.send()
    assert await world.is_valid(outbox.mails[0])


async def test_a_link_is_not_sent_half_an_hour_after_it_was_requested(world: World) -> None:
    await world.request()
    world.clock.time += LIFETIME
    assert not await world.send()


async def test_a_sent_link_is_valid_for_half_an_hour(world: World, outbox: Outbox) -> None:
    await world.request()
    await world.send()
    world.clock.time += LIFETIME - timedelta(seconds=1)
    assert await world.is_valid(outbox.mails[0])
    world.clock.time += timedelta(seconds=1)
    assert not await world.is_valid(outbox.mails[0])


async def test_requests_are_deleted_after_a_day(world: World, database: Database) -> None:
    await world.request()
    await world.request("nobody@wallet.example")
    world.clock.time += timedelta(days=1, seconds=1)
    assert not await world.send()
    assert await database.fetch("SELECT id FROM password_resets", []) == []


@pytest.mark.parametrize("starttls", [False, True])
async def test_a_mail_server_receives_emails_over_tls_only(tmp_path: Path, starttls: bool) -> None:
    server = ReceivingMailServer(tmp_path, starttls=starttls)
    async with server.listening():
        transport = SmtpTransport(server.login(), now=lambda: START, tls=server.tls)
        await transport.send(MAIL)
    (message,) = server.received
    assert message["To"] == MAIL.to
    assert message["From"] == "swap@swap.example"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content().replace("\r\n", "\n").replace("\n..", "\n.") == MAIL.text
    assert len(server.logins) == 1
    plain = {one for one in server.commands if one.endswith("plain")}
    assert plain == ({"EHLO plain", "STARTTLS plain"} if starttls else set())


@pytest.mark.parametrize("starttls", [False, True])
async def test_no_email_is_sent_to_a_server_whose_certificate_is_not_trusted(
    tmp_path: Path,
    starttls: bool,
) -> None:
    server = ReceivingMailServer(tmp_path, starttls=starttls)
    async with server.listening():
        with pytest.raises(Unavailable):
            await SmtpTransport(server.login(), now=lambda: START).send(MAIL)
    assert server.received == []
    assert server.logins == []


async def test_a_rejected_email_is_unavailable(tmp_path: Path) -> None:
    server = ReceivingMailServer(tmp_path, starttls=False)
    server.rejects = True
    async with server.listening():
        transport = SmtpTransport(server.login(), now=lambda: START, tls=server.tls)
        with pytest.raises(Unavailable, match="no email sent"):
            await transport.send(MAIL)


async def test_the_sandbox_keeps_the_newest_emails_readable_for_their_owner_only(
    tmp_path: Path,
) -> None:
    directory = MailDirectory(tmp_path / "mail", now=lambda: START, new_id=new_id)
    assert directory.newest(limit=5) == []
    for number in range(MAX_FILES + 2):
        await directory.send(Mail(EMAIL, f"Number {number}", "Text\n"))
    newest = directory.newest(limit=1_000)
    assert len(newest) == MAX_FILES
    assert newest[0].mail == Mail(EMAIL, f"Number {MAX_FILES + 1}", "Text\n")
    assert newest[0].at == START
    modes = {path.stat().st_mode & 0o777 for path in (tmp_path / "mail").iterdir()}
    assert modes == {0o600}
