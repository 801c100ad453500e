"""A closed loop with wrk: each connection sends its next call when the last is answered."""

import re
import resource
import shutil
import subprocess
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from bench.calls import NONCE_LENGTH, SIGN_LENGTH, Call
from bench.processes import Server, cpu_seconds

SCRIPT: Final = """
local bodies, key, version, idempotent = {bodies}, {key}, {version}, {idempotent}
local file = assert(io.open("{prepared}", "rb"))
local prepared, count = file:read("*a"), -1
file:close()
function request()
  count = count + 1
  local headers = {{ ["Content-Type"] = "application/json" }}
  local at = count % {total} * {length}
  local nonce = prepared:sub(at + 1, at + {nonce_length})
  if key then
    headers["X-API-KEY"] = key
    headers["X-API-SIGN"] = prepared:sub(at + {nonce_length} + 1, at + {length})
    headers["X-API-NONCE"] = nonce
    headers["X-API-SIGN-VERSION"] = version
  end
  if idempotent then
    headers["Idempotency-Key"] = nonce
  end
  return wrk.format("POST", "{path}", headers, bodies[count % #bodies + 1])
end
"""
MAX_PER_SECOND: Final = 50_000
"""Calls that are prepared for each second: more than any server answers that looks at the nonce.
Others get the same calls again."""

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
        script = _script(Path(directory), call, calls=round(MAX_PER_SECOND * seconds))
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


def _script(directory: Path, call: Call, *, calls: int) -> Path:
    """Write the script of a load, and beside it the calls, in the order of their bodies."""
    script, prepared = directory / "load.lua", directory / "prepared"
    total = -(-calls // len(call.bodies)) * len(call.bodies)
    ordered = call.prepared(total if call.signer or call.idempotent else 0)
    prepared.write_text("".join(f"{one.nonce}{one.sign}" for one in ordered))
    source = SCRIPT.format(
        bodies=_list([body.decode() for body in call.bodies]),
        key=f'"{call.signer.api_key}"' if call.signer else "nil",
        version='"2"' if call.version == 2 else "nil",
        idempotent="true" if call.idempotent else "false",
        prepared=prepared,
        total=total,
        length=NONCE_LENGTH + (SIGN_LENGTH if call.signer else 0),
        nonce_length=NONCE_LENGTH,
        path=call.path,
    )
    script.write_text(source)
    return script


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
