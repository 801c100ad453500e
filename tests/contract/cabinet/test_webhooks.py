"""The cabinet's pages of webhooks, without scripts: settings, log, replay, test, signatures."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from uuid import uuid4

import pytest

from tests.conftest import Running
from tests.support.clients.cabinet import CabinetPartner, Person
from tests.support.clients.team import own, signed_in
from tests.support.waiting import wait_until

PAGE = "/partner/webhooks"
SIGNATURE = f"{PAGE}/signature"
TOKEN = "t" * 43
EVENT_PATH = re.compile(r"/partner/webhooks/events/([0-9a-f-]{36})")


class Endpoint:
    """A partner's server: keeps what it gets, and says `status` and `answer`."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        self.answer = b"thanks"
        self.url = ""


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    kept = Endpoint()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            kept.got.append(({name.lower(): value for name, value in self.headers.items()}, body))
            self.send_response(kept.status)
            self.send_header("Content-Length", str(len(kept.answer)))
            self.end_headers()
            self.wfile.write(kept.answer)

        def log_message(self, *_: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    kept.url = f"http://127.0.0.1:{server.server_address[1]}/events"
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield kept
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(scope="module")
def partner(up: Running) -> CabinetPartner:
    return CabinetPartner.new(up)


@pytest.fixture(scope="module")
def owner(partner: CabinetPartner) -> Person:
    return partner.owner()


@pytest.fixture(scope="module")
def developer(partner: CabinetPartner) -> Person:
    return signed_in(partner, "developer")


@pytest.fixture(scope="module")
def server() -> Iterator[Endpoint]:
    with endpoint() as running:
        yield running


def save(person: Person, url: str, *events: str, **more: str) -> int:
    chosen = dict.fromkeys(events or ("order.status_changed",), "on")
    return person.send_form(PAGE, url=url, **chosen, **more).status


def page_of_test(person: Person, server: Endpoint) -> str:
    """Send a test event and wait until the endpoint has it and that is known; return its page."""
    before = len(server.got)
    answer = person.send_form(PAGE, f"{PAGE}/test")
    assert EVENT_PATH.fullmatch(answer.location), answer.words()
    wait_until(lambda: server.got, lambda got: len(got) > before)
    wait_until(lambda: person.get(answer.location).text, lambda text: "HTTP " in text)
    return answer.location


def test_without_a_url_the_page_says_what_to_do(up: Running) -> None:
    lonely = CabinetPartner.new(up).owner()
    page = lonely.get(PAGE).words()
    assert "Nothing is sent" in page
    assert "Once there is a URL" in page
    asked = lonely.send_form(PAGE, f"{PAGE}/test")
    assert asked.location == PAGE
    assert "There is no URL yet" in lonely.get(PAGE).words()


def test_settings_are_saved_and_recorded(
    partner: CabinetPartner, developer: Person, server: Endpoint
) -> None:
    events = ("partner.paid_out", "earnings.cleared")
    assert save(developer, server.url, *events, standard="on") == 303
    kept = own(
        partner,
        "SELECT webhook_url, webhook_events, standard_webhooks FROM partners WHERE id = %s",
        partner.id,
    )
    assert kept == [(server.url, sorted(events), True)]
    page = developer.get(PAGE).text
    assert page.count(" checked") == 3
    log = own(partner, "SELECT what, about FROM audit_log WHERE partner_id = %s", partner.id)
    assert any(what == "Changed webhook settings" and server.url in str(a) for what, a in log)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("not a url", "a whole address"),
        ("javascript:alert(1)", "a whole address"),
        ("http://169.254.169.254/latest", "can't be sent to this host"),
        ("http://[fe80::1]/", "can't be sent to this host"),
        ("http://2130706433/", "as an address with four numbers"),
        ("https://user:word@example.org/", "leave out user name"),
    ],
)
def test_a_url_that_is_forbidden_is_refused_in_words(
    partner: CabinetPartner, owner: Person, url: str, said: str
) -> None:
    kept = own(partner, "SELECT webhook_url FROM partners WHERE id = %s", partner.id)
    answer = owner.send_form(PAGE, url=url)
    assert answer.status == 422
    assert said in unescape(answer.words())
    assert f'value="{url}"' in answer.text
    assert own(partner, "SELECT webhook_url FROM partners WHERE id = %s", partner.id) == kept


def test_what_is_typed_into_a_url_stays_text(up: Running) -> None:
    partner = CabinetPartner.new(up)
    owner = partner.owner()
    evil = "https://example.org/\"><script>alert('url')</script>"
    assert save(owner, evil) == 303
    viewer = signed_in(partner, "viewer")
    for page in (owner.get(PAGE), viewer.get(PAGE)):
        assert "<script>alert" not in page.text
        assert evil in unescape(page.text)
    reflected = owner.send_form(PAGE, url='"><i>')
    assert "<i>" not in reflected.text
    asked = owner.get(
        f"{PAGE}?about=%22%3E%3Ci%3E&from=%22%3E%3Ci%3E&outcome=%3Ci%3E&behind=%3Ci%3E"
    )
    assert asked.status == 200
    assert "<i>" not in asked.text
    assert "36 characters" in asked.words()


def test_a_test_is_sent_shown_and_sent_again(developer: Person, server: Endpoint) -> None:
    save(developer, server.url, standard="on")
    server.answer = f'{{"said":"<b>no</b>","token":"{TOKEN}"}}'.encode()
    path = page_of_test(developer, server)
    headers, body = server.got[-1]
    page = developer.get(path)
    assert headers["x-partner-webhook-id"] in page.text
    assert body.decode() in unescape(page.text)
    assert headers["x-partner-webhook-sign"][:8] + "…" in page.text
    assert headers["webhook-signature"].split()[0][:11] + "…" in page.text
    assert '"said":"<b>no</b>"' in unescape(page.text)
    assert "<b>no</b>" not in page.text
    assert TOKEN not in page.text
    assert headers["x-partner-webhook-sign"] not in page.text
    again = developer.send_form(path, f"{path}/replay")
    assert again.location == path
    wait_until(lambda: [sent for _, sent in server.got], lambda bodies: bodies.count(body) == 2)
    assert server.got[-1][0]["x-partner-webhook-id"] == headers["x-partner-webhook-id"]


def test_what_failed_is_found_and_sent_again(
    partner: CabinetPartner, developer: Person, server: Endpoint
) -> None:
    save(developer, server.url)
    path = page_of_test(developer, server)
    event = path.rpartition("/")[2]
    own(partner, "UPDATE webhook_events SET status = 'dead' WHERE id = %s", event)
    found = developer.get(f"{PAGE}?outcome=failed&type=webhook.test")
    assert event in found.text
    assert event not in developer.get(f"{PAGE}?outcome=waiting").text
    assert event not in developer.get(f"{PAGE}?to=2020-01-01").text
    before = len(server.got)
    ticked = developer.send_form(
        f"{PAGE}?outcome=failed", f"{PAGE}/replay", outcome="failed", **{f"event-{event}": "on"}
    )
    assert ticked.location == f"{PAGE}?outcome=failed"
    assert "1 event on the way again" in developer.get(ticked.location).words()
    wait_until(lambda: len(server.got), (before + 1).__eq__)
    wait_until(lambda: developer.get(path).text, lambda text: "Delivered" in text)
    own(partner, "UPDATE webhook_events SET status = 'dead' WHERE id = %s", event)
    every = developer.send_form(PAGE, f"{PAGE}/replay-failed", since="hour")
    assert every.location == PAGE
    wait_until(lambda: len(server.got), (before + 2).__eq__)
    nothing = developer.send_form(PAGE, f"{PAGE}/replay")
    assert "Nothing was ticked" in developer.get(nothing.location).words()


def test_both_signatures_are_explained_and_compared(developer: Person, server: Endpoint) -> None:
    save(developer, server.url, standard="on")
    path = page_of_test(developer, server)
    headers, body = server.got[-1]
    event_id = headers["x-partner-webhook-id"]
    filled = developer.get(f"{SIGNATURE}?event={path.rpartition('/')[2]}")
    assert body.decode() in unescape(filled.text)
    pasted = {
        "body": body.decode(),
        "event_id": event_id,
        "timestamp": headers["webhook-timestamp"],
    }
    for signature in (headers["x-partner-webhook-sign"], headers["webhook-signature"]):
        checked = developer.send_form(SIGNATURE, signature=signature, **pasted)
        assert "The signature agrees" in checked.words()
        assert "byte for byte" in checked.words()
        assert "Standard Webhooks" in checked.words()
    wrong = developer.send_form(SIGNATURE, signature="0" * 64, **pasted)
    assert "The signature doesn't agree" in unescape(wrong.words())
    assert headers["x-partner-webhook-sign"] not in wrong.text
    other = developer.send_form(SIGNATURE, **pasted | {"body": body.decode()[:-1] + " }"})
    assert "part at byte" in other.words()
    assert developer.send_form(SIGNATURE, body="").status == 422
    evil = developer.send_form(SIGNATURE, body="</textarea><i>", signature='"><i>', event_id="<i>")
    assert "<i>" not in evil.text


def test_viewers_look_and_change_nothing(
    partner: CabinetPartner, developer: Person, server: Endpoint
) -> None:
    save(developer, server.url)
    path = page_of_test(developer, server)
    viewer = signed_in(partner, "viewer")
    page = viewer.get(PAGE)
    assert server.url in page.text
    assert 'name="url"' not in page.text
    assert 'type="checkbox"' not in page.text
    assert "/replay" not in page.text + viewer.get(path).text
    assert viewer.get(SIGNATURE).status == 200
    token = viewer.token_of(SIGNATURE)
    for action in (
        PAGE,
        f"{PAGE}/test",
        f"{PAGE}/replay",
        f"{PAGE}/replay-failed",
        f"{path}/replay",
    ):
        refused = viewer.post(action, {"form_token": token, "url": "", "since": "day"})
        assert refused.status == 403, action
    assert server.url in viewer.get(PAGE).text


def test_another_partners_event_is_nothing(
    owner: Person, developer: Person, server: Endpoint, up: Running
) -> None:
    save(developer, server.url)
    path = page_of_test(developer, server)
    event = path.rpartition("/")[2]
    stranger = CabinetPartner.new(up).owner()
    save(stranger, server.url)
    assert stranger.get(path).status == 404
    assert stranger.get(f"{SIGNATURE}?event={event}").status == 404
    assert f"events/{event}" not in stranger.get(f"{PAGE}?about={event}").text
    before = len(server.got)
    assert stranger.send_form(PAGE, f"{path}/replay").status == 404
    ticked = stranger.send_form(PAGE, f"{PAGE}/replay", **{f"event-{event}": "on"})
    assert "0 events" in stranger.get(ticked.location).words()
    body = server.got[-1][1].decode()
    checked = stranger.send_form(SIGNATURE, body=body, event_id=event)
    assert "None of your events has this id" in checked.words()
    assert len(server.got) == before
    assert owner.get(path).status == 200
    assert owner.get(f"{PAGE}/events/{uuid4()}").status == 404
    assert owner.get(f"{PAGE}/events/none").status == 404


def test_no_page_has_a_secret(up: Running) -> None:
    demo = up.demo()
    owner = Person(up.base_url)
    owner.sign_in(demo.cabinet_email, demo.cabinet_password)
    pages = [owner.get(path).text for path in (PAGE, SIGNATURE)]
    pages.append(owner.send_form(SIGNATURE, body="{}", event_id="x", timestamp="1").text)
    for secret in (demo.webhook_secret, demo.api_secret):
        assert not any(secret in page for page in pages)


CIRCUIT = """
INSERT INTO webhook_circuit_breakers
  (partner_id, concurrency, window_started_at, attempts, failures, failed_at, opened_at,
   half_open_at, failed_trials)
VALUES (%s, 4, now(), 9, 8, now(), {since}, {probe}, 2)
"""


def test_the_state_of_an_endpoint_is_told_in_words(up: Running) -> None:
    """As it can't be brought about without waiting, it is written as delivery would."""
    partner = CabinetPartner.new(up)
    owner = partner.owner()
    save(owner, "https://example.org/")
    assert "All is well" in owner.get(PAGE).words()
    forget = "DELETE FROM webhook_circuit_breakers WHERE partner_id = %s"
    for since, probe, said in (
        ("NULL", "NULL", "at most 4 events are sent to it at once"),
        ("now()", "now() + interval '1 hour'", "2 such tries were in vain so far"),
    ):
        own(partner, CIRCUIT.format(since=since, probe=probe), partner.id)
        assert said in owner.get(PAGE).words()
        own(partner, forget, partner.id)
    own(partner, "UPDATE partners SET webhook_gone_at = now() WHERE id = %s", partner.id)
    assert "answered 410 Gone" in owner.get(PAGE).words()
    save(owner, "https://example.net/")
    assert "All is well" in owner.get(PAGE).words()
