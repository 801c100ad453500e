"""The key ring is rotated, and all secrets are sealed again, beside a service under load."""

import itertools
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Self

import msgspec
import psycopg
import pytest

from gateway.instance import INSTANCE_FILE, KEYRING_FILE, Instance
from persistence.keyring_file import load_keyring
from tests.conftest import SWAPGATE, Running, start_up, stop
from tests.support.builders.sealed_secrets import API_SECRET, check_secrets, fill
from tests.support.clients.partner import Partner
from tests.support.waiting import wait_until

CALLERS = 4


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Running]:
    running = start_up(tmp_path / "data")
    yield running
    stop(running)


class Load:
    """Partners that call, each for the first time, and now and then replace their secrets."""

    def __init__(self, service: Running, api_keys: list[str]) -> None:
        self.calls = self.rotations = 0
        self.failed: list[object] = []
        self._service = service
        self._keys = itertools.cycle(api_keys)
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._call) for _ in range(CALLERS)]

    def __enter__(self) -> Self:
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for one in self._threads:
            one.join()

    def _call(self) -> None:
        while not self._stop.is_set():
            with self._lock:
                partner = Partner(self._service.base_url, next(self._keys), API_SECRET)
                self.calls += 1
                replaces = self.calls % 20 == 0
                self.rotations += replaces
            try:
                assert partner.call("/pairs").code == 0
                if replaces:
                    new = partner.call("/keys/rotate", {"rotate": ["webhookSecret"]})
                    assert new.code == 0, new.body
            except Exception as error:  # noqa: BLE001  reported by the test
                self.failed.append(error)


def owner_url(service: Running) -> str:
    path = service.data_dir / INSTANCE_FILE
    return msgspec.json.decode(path.read_bytes(), type=Instance).owner_database_url


def unsealed(url: str, key: str) -> int:
    with psycopg.connect(url) as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM api_keys WHERE sealed_with(api_secret_sealed) <> %s", (key,)
        ).fetchone() or (0,)
    return int(count)


def check_elsewhere(url: str, path: Path) -> None:
    """Check all secrets in another process, so that the callers' threads are not delayed."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        pool.submit(check_file, url, path).result()


def check_file(url: str, path: Path) -> None:
    check_secrets(url, load_keyring(path), replaced=True)


def start_reseal(service: Running) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*SWAPGATE, "keyring", "reseal", "--data-dir", str(service.data_dir)],
        stdout=subprocess.DEVNULL,
    )


def kill_at(service: Running, url: str, key: str, left: int) -> bool:
    """Start to seal again, and kill the process once at most this many rows are left.

    Return whether it was still running.
    """
    process = start_reseal(service)
    wait_until(lambda: process.poll() is not None or unsealed(url, key) <= left)
    process.send_signal(signal.SIGKILL)
    return process.wait() == -signal.SIGKILL


@pytest.mark.timeout(900)
@pytest.mark.slow
@pytest.mark.parametrize(("partners", "kills"), [(500, 1), (50_000, 20)])
def test_no_call_fails_and_no_secret_is_lost_while_all_are_sealed_again(
    service: Running, partners: int, kills: int
) -> None:
    url, path = owner_url(service), service.data_dir / KEYRING_FILE
    api_keys = fill(url, load_keyring(path), partners)
    service.new_partner()  # whose key is known once all earlier ones are
    chance = random.Random(14)

    with Load(service, api_keys) as load:
        key = str(service.json("keyring", "rotate")["current"])
        began = time.monotonic()
        targets = sorted((chance.randrange(partners) for _ in range(kills)), reverse=True)
        killed = 0
        for number, left in enumerate(targets):
            killed += kill_at(service, url, key, left)
            if number % 5 == 0:  # takes seconds with many partners
                check_elsewhere(url, path)
        service.json("keyring", "reseal")
        killed_and_completed = time.monotonic() - began
        next_key = str(service.json("keyring", "rotate")["current"])
        began = time.monotonic()
        done = service.json("keyring", "reseal")
        seconds = time.monotonic() - began
    assert load.failed == [], (service.data_dir / "logs" / "serve.log").read_text()[-3_000:]
    assert load.calls > kills
    assert killed >= kills // 2
    assert unsealed(url, next_key) == 0
    check_secrets(url, load_keyring(path), replaced=True)
    print(  # noqa: T201  the figures
        f"{killed} kills and one more run in {killed_and_completed:.0f} s; then {done['resealed']}"
        f" secrets in {seconds:.1f} s; {load.calls} calls, {load.rotations} rotations, 0 failed"
    )
