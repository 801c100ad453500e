"""A closed loop with wrk: each connection sends its next call when the last is answered."""

import re
import resource
import secrets
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from bench.calls import Call
from bench.processes import Server, cpu_seconds

SCRIPT: Final = """
local bodies, signs = {bodies}, {signs}
local key, idempotent = {key}, {idempotent}
local prefix, count = "{prefix}", 0
function request()
  count = count + 1
  local turn = count % #bodies + 1
  local headers = {{ ["Content-Type"] = "application/json" }}
  if key then
    headers["X-API-KEY"] = key
    headers["X-API-SIGN"] = signs[turn]
    headers["X-API-NONCE"] = prefix .. string.format("%010d", count)
  end
  if idempotent then
    headers["Idempotency-Key"] = prefix .. string.format("%010d", count)
  end
  return wrk.format("POST", "{path}", headers, bodies[turn])
end
"""

MILLISECONDS: Final = {"us": 0.001, "ms": 1.0, "s": 1000.0, "m": 60_000.0}


class Measured(msgspec.Struct, frozen=True):
    """The figures of a load: responses per second, times in ms, and missing or non-2xx responses.

    `cpu_us` is the server's CPU time per response in microseconds; `load_cores` and `server_cores`
    are the numbers of cores that the load generator and the server used.
    """

    rps: float
    p50: float
    p99: float
    worst: float
    failures: int
    cpu_us: float
    server_cores: float
    load_cores: float
    foreign_cores: float = 0.0
    """Cores used by processes outside the benchmark; above 0.1, figures are unreliable."""
    late_p99: float | None = None
    """Of an open loop: the p99 of the delay between the scheduled and the actual time of a call."""


class WrkMissing(Exception):
    """The load generator is not installed."""


def check_wrk() -> None:
    """Raise WrkMissing unless wrk is installed."""
    if shutil.which("wrk") is None:
        raise WrkMissing("wrk is required: apt-get install wrk")


def measure(
    server: Server, call: Call, *, seconds: float, connections: int, cores: tuple[int, ...]
) -> Measured:
    """Load a server with wrk running on these cores."""
    pids = server.pids()
    with TemporaryDirectory() as directory:
        script = Path(directory) / "load.lua"
        script.write_text(_script(call))
        began, used = time.monotonic(), cpu_seconds(pids)
        load_used = _children_cpu()
        report = subprocess.run(
            [
                *("taskset", "-c", ",".join(map(str, cores)), "wrk", "--latency", "--threads", "1"),
                *("--connections", str(connections), "--duration", f"{seconds:.0f}s"),
                *("--script", str(script), f"http://127.0.0.1:{server.port}"),
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        took, used = time.monotonic() - began, cpu_seconds(pids) - used
        return parsed(report, took=took, used=used, load_used=_children_cpu() - load_used)


def parsed(report: str, *, took: float, used: float, load_used: float) -> Measured:
    """Parse the report of wrk, with the CPU seconds `used` in the `took` seconds of the run."""
    rps = re.search(r"Requests/sec:\s+([\d.]+)", report)
    requests = re.search(r"(\d+) requests in", report)
    if rps is None or requests is None:
        raise RuntimeError(report)
    non_2xx = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    errors = re.search(
        r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", report
    )
    failures = sum(map(int, errors.groups())) if errors else 0
    return Measured(
        rps=float(rps.group(1)),
        p50=_milliseconds(report, r"50%\s+"),
        p99=_milliseconds(report, r"99%\s+"),
        worst=_milliseconds(report, r"Latency(?:\s+\S+){2}\s+"),
        failures=failures + (int(non_2xx.group(1)) if non_2xx else 0),
        cpu_us=used / max(int(requests.group(1)), 1) * 1e6,
        server_cores=used / took,
        load_cores=load_used / took,
    )


def _script(call: Call) -> str:
    signer = call.signer
    signs = [signer.sign_v1(body) if signer else "" for body in call.bodies]
    return SCRIPT.format(
        bodies=_list([body.decode() for body in call.bodies]),
        signs=_list(signs),
        key=f'"{signer.api_key}"' if signer else "nil",
        idempotent="true" if call.idempotent else "false",
        prefix=secrets.token_hex(8),
        path=call.path,
    )


def _list(texts: list[str]) -> str:
    return "{" + ", ".join(f"'{text}'" for text in texts) + "}"


def _milliseconds(report: str, prefix: str) -> float:
    match = re.search(rf"{prefix}([\d.]+)(us|ms|s|m)\b", report)
    if match is None:
        raise RuntimeError(report)
    return float(match.group(1)) * MILLISECONDS[match.group(2)]


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
