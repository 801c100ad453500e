"""A partner of a load: his keys, his orders, his webhook receiver and his login."""

import json
import ssl
from collections.abc import Iterator

import msgspec

from tests.load.orders import KnownOrders
from tests.support.clients.cabinet import Person, choose_password
from tests.support.clients.partner import Partner
from tests.support.servers.webhook_receiver import Receiver

PASSWORD = "of a partner under load"
DONE = "DONE"


class LoadPartner(msgspec.Struct, frozen=True):
    """One partner, whom several users of the load act for."""

    api: Partner
    receiver: Receiver
    email: str
    orders: KnownOrders

    def completed_since(self, moment: float) -> Iterator[float]:
        """Yield when last events arrived, of orders that were requested after a time."""
        for delivery in reversed(self.receiver.deliveries):
            if delivery.received_at < moment:
                return
            order = json.loads(delivery.body).get("order", {})
            known = self.orders.find(order.get("id", ""))
            if order.get("status") == DONE and known is not None and known.sent_at >= moment:
                yield delivery.received_at

    def choose_password(self, one_time: str, tls: ssl.SSLContext | None) -> None:
        """Sign in for the first time."""
        browser = Person(self.api.base_url, tls=tls)
        response = browser.sign_in(self.email, one_time)
        assert response.status == 303, response.words()
        choose_password(browser, one_time, PASSWORD)
