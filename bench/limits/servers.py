"""The servers under measurement: each one worker, pinned to one core."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

import msgspec

SERVER_CORE = 0
LOAD_CORE = 1
READY_SECONDS = 60


class Target(msgspec.Struct, frozen=True):
    """Something to measure: its name, where it listens, and what wrk sends with each request."""

    name: str
    port: int
    headers: Mapping[str, str]


@contextmanager
def comparison(name: str, app: str, *, batch: bool) -> Iterator[Target]:
    """Run one of `bench.limits.apps`, or another module's `module:app`, on Granian."""
    port = free_port()
    argv = [
        *(
            "granian",
            "--interface",
            "asgi",
            "--factory",
            app if ":" in app else f"bench.limits.apps:{app}",
        ),
        *("--port", str(port), "--http", "1", "--no-ws", "--loop", "uvloop"),
        *("--log-level", "warning"),
    ]
    with _running(argv, port, {"BENCH_BATCH": str(batch).lower()}):
        yield Target(name, port, {})


@contextmanager
def ours(data_dir: Path) -> Iterator[Target]:
    """Run our own service; Valkey and everything but the worker on the load's core."""
    port = free_port()
    with ExitStack() as stack:
        quiet = free_port()  # `up` brings servers, rates and settlement; its own worker idles
        up = [sys.executable, "-m", "gateway", "up", "--port", str(quiet), "--workers", "1"]
        up += ["--data-dir", str(data_dir)]
        stack.enter_context(_running(up, quiet, {}, path="/readyz", core=LOAD_CORE))
        serve = [sys.executable, "-m", "gateway", "serve", "--port", str(port), "--workers", "1"]
        serve += ["--data-dir", str(data_dir), "--metrics-port", "0"]
        stack.enter_context(_running(serve, port, {}, path="/readyz"))
        yield Target("signed /v1/price", port, _credentials(data_dir))


def _credentials(data_dir: Path) -> dict[str, str]:
    email = f"bench-{secrets.token_hex(4)}@swapgate.example"
    created = json.loads(_command(data_dir, "partner", "create", "--email", email))
    _command(data_dir, "partner", "set", email, "--budget", "10000000")
    return {"key": created["apiKey"], "secret": created["apiSecret"]}


def _command(data_dir: Path, *arguments: str) -> str:
    return subprocess.run(
        [sys.executable, "-m", "gateway", *arguments, "--json", "--data-dir", str(data_dir)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout


@contextmanager
def _running(
    argv: list[str], port: int, env: Mapping[str, str], *, path: str = "/", core: int = SERVER_CORE
) -> Iterator[None]:
    if argv[0] == "granian":
        argv = [str(Path(sys.executable).with_name("granian")), *argv[1:]]
    process = subprocess.Popen(
        ["taskset", "-c", str(core), *argv],  # noqa: S607  from util-linux
        env={**os.environ, **env},
        stdout=subprocess.DEVNULL,
    )
    try:
        _wait_until_ready(process, port, path)
        yield
    finally:
        process.terminate()
        process.wait(30)


def _wait_until_ready(process: "subprocess.Popen[bytes]", port: int, path: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urlopen(f"http://127.0.0.1:{port}{path}", timeout=2):
                return
        except HTTPError as error:
            if path == "/":  # an application without that route is up all the same
                error.close()
                return
        except (URLError, OSError):
            pass
        time.sleep(0.1)
    raise RuntimeError(f"what should listen on port {port} didn't become ready")


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
