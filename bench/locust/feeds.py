"""Listing aggregators that fetch the XML rate feed, and only what has changed since."""

from typing import Final

from locust import FastHttpUser, constant_pacing, task

from bench.locust import share  # noqa: F401  tells at the end what locust took

FEEDS: Final = ("/api/rates.xml", "/rates/float.xml")


class Aggregator(FastHttpUser):
    """Fetches both addresses every second, as they say one may, with the last ETag it got."""

    wait_time = constant_pacing(1)

    def on_start(self) -> None:
        """Know nothing yet."""
        self.etags: dict[str, str] = {}

    @task
    def fetch(self) -> None:
        """Fetch what has changed."""
        for path in FEEDS:
            self._fetch(path)

    def _fetch(self, path: str) -> None:
        known = self.etags.get(path)
        headers = {"If-None-Match": known} if known else {}
        name = f"{path} (known)" if known else path
        with self.client.get(path, headers=headers, name=name, catch_response=True) as answer:
            if answer.status_code == 304:
                answer.success()
            elif answer.status_code != 200:
                answer.failure(f"{answer.status_code}")
            elif "ETag" not in answer.headers:
                answer.failure("no ETag")
            elif not (answer.content or b"").rstrip().endswith((b"</rates>", b"<rates/>")):
                answer.failure("no whole <rates> document")
            else:
                self.etags[path] = answer.headers["ETag"]
