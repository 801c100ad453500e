"""Overlaps that a rotation cannot have, by name."""

from typing import Any

OVERLAPS: dict[str, Any] = {
    "one second too long": 86_401,
    "a week": 604_800,
    "minus one": -1,
    "beyond 64 bits": 2**70,
    "a fraction": 1.5,
    "a fraction of zero": 60.0,
    "text": "60",
    "empty text": "",
    "true": True,
    "false": False,
    "a list": [60],
    "an object": {"seconds": 60},
}
