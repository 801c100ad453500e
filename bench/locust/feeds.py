"""Aggregators that fetch the XML rate feeds when they have changed."""

from typing import Final

from locust import FastHttpUser, constant_pacing, task

from bench.locust import share  # noqa: F401  prints the CPU share of locust at the end

FEEDS: Final = ("/api/rates.xml", "/rates/float.xml")


class Aggregator(FastHttpUser):
    """Fetches both addresses every second, with the last ETag."""

    wait_time = constant_pacing(1)

    def on_start(self) -> None:
        """Start without ETags."""
        self.etags: dict[str, str] = {}

    @task
    def fetch(self) -> None:
        """Fetch both feeds."""
        for path in FEEDS:
            self._fetch(path)

    def _fetch(self, path: str) -> None:
        etag = self.etags.get(path)
        headers = {"If-None-Match": etag} if etag else {}
        name = f"{path} (If-None-Match)" if etag else path
        with self.client.get(path, headers=headers, name=name, catch_response=True) as response:
            if response.status_code == 304:
                response.success()
            elif response.status_code != 200:
                response.failure(f"{response.status_code}")
            elif "ETag" not in response.headers:
                response.failure("no ETag")
            elif not (response.content or b"").rstrip().endswith((b"</rates>", b"<rates/>")):
                response.failure("incomplete <rates> document")
            else:
                self.etags[path] = response.headers["ETag"]
