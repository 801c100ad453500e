"""The webhooks pages without scripts: settings, delivery log, resending, tests, signatures."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from http.server import BaseHTTPRequestHandler
from uuid import uuid4

import pytest

from tests.conftest import Running
from tests.support.clients.cabinet import CabinetPartner, Person
from tests.support.clients.team import own, signed_in
from tests.support.http_server import Silent, serving
from tests.support.waiting import wait_until

PAGE = "/partner/webhooks"
SIGNATURE = f"{PAGE}/signature"
TOKEN = "t" * 43
EVENT_PATH = re.compile(r"/partner/webhooks/events/([0-9a-f-]{36})")


class Endpoint:
    """A partner's server, which records requests and responds with `status` and `body`."""

    def __init__(self) -> None:
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self.status = 200
        self.body = b"thanks"
        self.url = ""


@contextmanager
def endpoint() -> Iterator[Endpoint]:
    server = Endpoint()

    class Handler(Silent, BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            server.requests.append(
                ({name.lower(): value for name, value in self.headers.items()}, body)
            )
            self.send_response(server.status)
            self.send_header("Content-Length", str(len(server.body)))
            self.end_headers()
            self.wfile.write(server.body)

    with serving(Handler) as url:
        server.url = f"{url}/events"
        yield server


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
    before = len(server.requests)
    response = person.send_form(PAGE, f"{PAGE}/test")
    assert EVENT_PATH.fullmatch(response.location), response.words()
    wait_until(lambda: server.requests, lambda got: len(got) > before)
    wait_until(lambda: person.get(response.location).text, lambda text: "HTTP " in text)
    return response.location


def test_the_page_without_a_url_says_what_to_do_next(up: Running) -> None:
    owner = CabinetPartner.new(up).owner()
    page = owner.get(PAGE).words()
    assert "No webhooks are sent" in page
    assert "Set a URL to receive events" in page
    response = owner.send_form(PAGE, f"{PAGE}/test")
    assert response.location == PAGE
    assert "Set a URL before you send a test event" in owner.get(PAGE).words()


def test_settings_are_saved_and_recorded(
    partner: CabinetPartner, developer: Person, server: Endpoint
) -> None:
    events = ("partner.paid_out", "earnings.cleared")
    assert save(developer, server.url, *events, standard="on") == 303
    stored = own(
        partner,
        "SELECT webhook_url, webhook_events, standard_webhooks FROM partners WHERE id = %s",
        partner.id,
    )
    assert stored == [(server.url, sorted(events), True)]
    page = developer.get(PAGE).text
    assert page.count(" checked") == 3
    log = own(partner, "SELECT what, about FROM audit_log WHERE partner_id = %s", partner.id)
    assert any(action == "Changed webhook settings" and server.url in str(d) for action, d in log)


@pytest.mark.parametrize(
    ("url", "error"),
    [
        ("not a url", "Enter a complete URL"),
        ("javascript:alert(1)", "Enter a complete URL"),
        ("http://169.254.169.254/latest", "can't be sent to this host"),
        ("http://[fe80::1]/", "can't be sent to this host"),
        ("http://2130706433/", "standard IPv4 or IPv6 address"),
        ("https://user:word@example.org/", "Remove the user name"),
    ],
)
def test_a_forbidden_url_is_rejected_with_its_error(
    partner: CabinetPartner, owner: Person, url: str, error: str
) -> None:
    stored = own(partner, "SELECT webhook_url FROM partners WHERE id = %s", partner.id)
    response = owner.send_form(PAGE, url=url)
    assert response.status == 422
    assert error in unescape(response.words())
    assert f'value="{url}"' in response.text
    assert own(partner, "SELECT webhook_url FROM partners WHERE id = %s", partner.id) == stored


def test_markup_in_urls_and_filters_is_escaped(up: Running) -> None:
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
    filtered = owner.get(
        f"{PAGE}?about=%22%3E%3Ci%3E&from=%22%3E%3Ci%3E&outcome=%3Ci%3E&behind=%3Ci%3E"
    )
    assert filtered.status == 200
    assert "<i>" not in filtered.text
    assert "36 characters" in filtered.words()


def test_a_test_event_is_sent_shown_and_resent(developer: Person, server: Endpoint) -> None:
    save(developer, server.url, standard="on")
    server.body = f'{{"said":"<b>no</b>","token":"{TOKEN}"}}'.encode()
    path = page_of_test(developer, server)
    headers, body = server.requests[-1]
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
    wait_until(
        lambda: [sent for _, sent in server.requests], lambda bodies: bodies.count(body) == 2
    )
    assert server.requests[-1][0]["x-partner-webhook-id"] == headers["x-partner-webhook-id"]


def test_failed_events_are_found_and_resent(
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
    before = len(server.requests)
    selected = developer.send_form(
        f"{PAGE}?outcome=failed", f"{PAGE}/replay", outcome="failed", **{f"event-{event}": "on"}
    )
    assert selected.location == f"{PAGE}?outcome=failed"
    assert "1 event is being resent" in developer.get(selected.location).words()
    wait_until(lambda: len(server.requests), (before + 1).__eq__)
    wait_until(lambda: developer.get(path).text, lambda text: "Delivered" in text)
    own(partner, "UPDATE webhook_events SET status = 'dead' WHERE id = %s", event)
    resent = developer.send_form(PAGE, f"{PAGE}/replay-failed", since="hour")
    assert resent.location == PAGE
    wait_until(lambda: len(server.requests), (before + 2).__eq__)
    nothing = developer.send_form(PAGE, f"{PAGE}/replay")
    assert "Select at least one event" in developer.get(nothing.location).words()


def test_both_signature_formats_are_explained_and_compared(
    developer: Person, server: Endpoint
) -> None:
    save(developer, server.url, standard="on")
    path = page_of_test(developer, server)
    headers, body = server.requests[-1]
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
        assert "Signature verified" in checked.words()
        assert "identical to the event's body" in checked.words()
        assert "Standard Webhooks" in checked.words()
    wrong = developer.send_form(SIGNATURE, signature="0" * 64, **pasted)
    assert "Signature mismatch" in wrong.words()
    assert headers["x-partner-webhook-sign"] not in wrong.text
    other = developer.send_form(SIGNATURE, **pasted | {"body": body.decode()[:-1] + " }"})
    assert "The first difference is at byte" in other.words()
    assert developer.send_form(SIGNATURE, body="").status == 422
    evil = developer.send_form(SIGNATURE, body="</textarea><i>", signature='"><i>', event_id="<i>")
    assert "<i>" not in evil.text


def test_viewers_see_webhooks_but_cannot_change_them(
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
        rejected = viewer.post(action, {"form_token": token, "url": "", "since": "day"})
        assert rejected.status == 403, action
    assert server.url in viewer.get(PAGE).text


@pytest.mark.parametrize("name", ["order.status_changed", "partner.paid_out", "webhook.test"])
def test_a_test_event_of_a_chosen_type_is_sent_in_the_sandbox(
    developer: Person, server: Endpoint, owner: Person, name: str
) -> None:
    save(developer, server.url)
    assert "Send this type" in developer.get(PAGE).words()
    response = developer.send_form(PAGE, f"{PAGE}/test", type=name)
    event_id = response.location.rpartition("/")[2]
    wait_until(
        lambda: [headers["x-partner-webhook-id"] for headers, _ in server.requests],
        lambda ids: event_id in ids,
    )
    assert name in developer.get(response.location).words()
    assert f"{name} {event_id}" in owner.get("/partner/team/log").words()
    rejected = developer.send_form(PAGE, f"{PAGE}/test", type=f"{name}x")
    assert rejected.status == 400


def test_another_partners_event_is_not_found(
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
    before = len(server.requests)
    assert stranger.send_form(PAGE, f"{path}/replay").status == 404
    selected = stranger.send_form(PAGE, f"{PAGE}/replay", **{f"event-{event}": "on"})
    assert "0 events" in stranger.get(selected.location).words()
    body = server.requests[-1][1].decode()
    checked = stranger.send_form(SIGNATURE, body=body, event_id=event)
    assert "You have no event with this id" in checked.words()
    assert len(server.requests) == before
    assert owner.get(path).status == 200
    assert owner.get(f"{PAGE}/events/{uuid4()}").status == 404
    assert owner.get(f"{PAGE}/events/none").status == 404


def test_no_page_contains_a_secret(up: Running) -> None:
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
VALUES (%s, 4, now(), 9, 8, now(), {since}, {trial}, 2)
"""


def test_the_page_describes_the_status_of_the_endpoint(up: Running) -> None:
    """The states are written to the database, because reaching them takes too long."""
    partner = CabinetPartner.new(up)
    owner = partner.owner()
    save(owner, "https://example.org/")
    assert "Healthy" in owner.get(PAGE).words()
    forget = "DELETE FROM webhook_circuit_breakers WHERE partner_id = %s"
    for since, trial, text in (
        ("NULL", "NULL", "at most 4 events are sent concurrently"),
        ("now()", "now() + interval '1 hour'", "Failed checks so far: 2"),
    ):
        own(partner, CIRCUIT.format(since=since, trial=trial), partner.id)
        assert text in owner.get(PAGE).words()
        own(partner, forget, partner.id)
    own(partner, "UPDATE partners SET webhook_gone_at = now() WHERE id = %s", partner.id)
    assert "returned 410 Gone" in owner.get(PAGE).words()
    save(owner, "https://example.net/")
    assert "Healthy" in owner.get(PAGE).words()
