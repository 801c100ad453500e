"""Requests to validate an address that are rejected, by name."""

from typing import Any

BITCOIN = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"
ETHEREUM = "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"
RIPPLE = "rG1QQv2nh2gr7RCZ1P8YYcBUKCCN633jCn"

INVALID: dict[str, dict[str, Any]] = {
    "no address": {"ccy": "btc"},
    "no asset": {"address": BITCOIN},
    "both forms of the asset": {"ccy": "btc", "asset": {"chain": "bitcoin"}, "address": BITCOIN},
    "an unknown code": {"ccy": "nope", "address": BITCOIN},
    "a code in upper case": {"ccy": "BTC", "address": BITCOIN},
    "an unknown chain": {"asset": {"chain": "nope"}, "address": BITCOIN},
    "an unknown contract": {"asset": {"chainId": 1, "contract": "0x00"}, "address": ETHEREUM},
    "a chain that is a number": {"asset": {"chain": 1}, "address": BITCOIN},
    "a chain id that is text": {"asset": {"chainId": "1"}, "address": ETHEREUM},
    "an asset that is text": {"asset": "btc", "address": BITCOIN},
    "a code that is a number": {"ccy": 1, "address": BITCOIN},
    "an address that is a number": {"ccy": "btc", "address": 1},
    "an address that is null": {"ccy": "btc", "address": None},
    "an address that is a list": {"ccy": "btc", "address": [BITCOIN]},
    "a tag that is a number": {"ccy": "xrp", "address": RIPPLE, "tag": 1},
    "a tag that is a list": {"ccy": "xrp", "address": RIPPLE, "tag": ["1"]},
}
