"""A stranger reads volumes and error rates from /metrics on the public port."""

from tests.attacks.conftest import METRICS_PORT, PUBLIC_HOST
from tests.conftest import Running
from tests.support.clients.partner import send


def test_metrics_are_not_on_the_public_port_outside_the_sandbox(live: Running) -> None:
    for path in ("/metrics", "/metrics/", "/METRICS", "/%6detrics"):
        response = send(f"{live.base_url}{path}", headers={"Host": PUBLIC_HOST}, method="GET")
        assert response.status == 404, path
        assert b"swapgate_" not in response.body
    own = send(f"http://127.0.0.1:{METRICS_PORT}/metrics", method="GET")
    assert own.status == 200


def test_metrics_are_on_the_port_of_a_sandbox(up: Running) -> None:
    assert send(f"{up.base_url}/metrics", method="GET").status == 200
