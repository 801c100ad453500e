"""One measurement with wrk: a fixed body with its signature, a fresh nonce for each request."""

import hashlib
import hmac
import json
import re
import secrets
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from bench.limits.servers import LOAD_CORE, Target

BODY = json.dumps(
    {
        "type": "float",
        "fromCcy": "btc",
        "toCcy": "usdt_trc20",
        "direction": "from",
        "amount": "0.01",
        "afftax": 50,
    }
).encode()

SCRIPT = """
local prefix, count = "{prefix}", 0
local body = '{body}'
local signed = {signed}
function request()
  count = count + 1
  local headers = {{ ["Content-Type"] = "application/json" }}
  if signed then
    headers["X-API-KEY"] = "{key}"
    headers["X-API-SIGN"] = "{sign}"
    headers["X-API-NONCE"] = prefix .. string.format("%010d", count)
  end
  return wrk.format("POST", "/v1/price", headers, body)
end
"""


class Measured(msgspec.Struct, frozen=True):
    """What wrk found: requests a second, the median and 99th percentile in ms, and failures."""

    rps: float
    p50_ms: float
    p99_ms: float
    failures: int


class WrkMissing(Exception):
    """The load generator isn't installed."""


def measure(target: Target, *, seconds: int, connections: int) -> Measured:
    """Load the target from the load's core and return what came of it."""
    if shutil.which("wrk") is None:
        raise WrkMissing("wrk is needed: apt-get install wrk")
    with TemporaryDirectory() as directory:
        script = Path(directory) / "load.lua"
        script.write_text(_script(target))
        report = subprocess.run(
            [
                *("taskset", "-c", str(LOAD_CORE), "wrk", "--latency", "--threads", "1"),
                *("--connections", str(connections), "--duration", f"{seconds}s"),
                *("--script", str(script), f"http://127.0.0.1:{target.port}"),
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
    return _parsed(report)


def _script(target: Target) -> str:
    secret = target.headers.get("secret", "")
    return SCRIPT.format(
        prefix=secrets.token_hex(8),
        body=BODY.decode(),
        signed="true" if target.headers else "false",
        key=target.headers.get("key", ""),
        sign=hmac.new(secret.encode(), BODY, hashlib.sha256).hexdigest(),
    )


def _parsed(report: str) -> Measured:
    rps = re.search(r"Requests/sec:\s+([\d.]+)", report)
    if rps is None:
        raise RuntimeError(report)
    non_2xx = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    errors = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", report
    )
    failures = sum(map(int, errors.groups())) if errors else 0
    return Measured(
        rps=float(rps.group(1)),
        p50_ms=_milliseconds(report, "50%"),
        p99_ms=_milliseconds(report, "99%"),
        failures=failures + (int(non_2xx.group(1)) if non_2xx else 0),
    )


def _milliseconds(report: str, percentile: str) -> float:
    found = re.search(rf"{percentile}\s+([\d.]+)(us|ms|s)\b", report)
    if found is None:
        raise RuntimeError(report)
    return float(found.group(1)) * {"us": 0.001, "ms": 1.0, "s": 1000.0}[found.group(2)]
