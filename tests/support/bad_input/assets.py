"""References to assets that name none, and requests that name a side in both forms or neither."""

from typing import Any

from tests.support.clients.partner import quote_request

USDT = "0xdAC17F958D2ee523a2206206994597C13D831ec7"
USDT_TRON = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
USDC_SOLANA = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"


def asked(**changes: object) -> dict[str, Any]:
    """Return a request to price a swap; a field that is None is left out."""
    request = {**quote_request(), **changes}
    return {name: value for name, value in request.items() if value is not None}


REFERENCES: dict[str, object] = {
    "an empty object": {},
    "only a contract": {"contract": USDT},
    "only null": {"chain": None, "chainId": None, "contract": None},
    "a chain id as text": {"chainId": "1", "contract": None},
    "a chain id as text of an EVM chain": {"chain": "evmGeneric", "chainId": "1"},
    "a chain id in hex": {"chainId": "0x1"},
    "a chain id with a fraction": {"chainId": 1.5},
    "a chain id that is true": {"chainId": True},
    "a chain id of zero": {"chainId": 0},
    "a negative chain id": {"chainId": -1},
    "a chain id of 30 digits": {"chainId": 10**29},
    "a chain id that is a list": {"chainId": [1]},
    "an unknown chain id": {"chainId": 999_999_999},
    "a chain id of another chain": {"chain": "ethereum", "chainId": 56},
    "a chain id of a chain without one": {"chain": "bitcoin", "chainId": 1},
    "a contract of another EVM chain": {"chain": "bnbsmartchain", "contract": USDT},
    "a contract of another EVM chain id": {"chainId": 8453, "contract": USDT},
    "a contract of another family": {"chain": "ethereum", "contract": USDT_TRON},
    "an EVM contract on Tron": {"chain": "tron", "contract": USDT},
    "a contract on a chain without tokens": {"chain": "bitcoin", "contract": USDT},
    "an unknown contract": {"chain": "ethereum", "contract": "0x" + "11" * 20},
    "the zero address as the coin": {"chain": "ethereum", "contract": "0x" + "00" * 20},
    "a code as the contract": {"chain": "ethereum", "contract": "usdt_erc20"},
    "an empty contract": {"chain": "ethereum", "contract": ""},
    "a contract without 0x": {"chain": "ethereum", "contract": USDT[2:]},
    "a contract that is cut off": {"chain": "ethereum", "contract": USDT[:-1]},
    "a contract with a leading space": {"chain": "ethereum", "contract": f" {USDT}"},
    "a contract with a trailing line feed": {"chain": "ethereum", "contract": f"{USDT}\n"},
    "a contract that is a number": {"chain": "ethereum", "contract": 0},
    "a contract that is a list": {"chain": "ethereum", "contract": [USDT]},
    "a contract that is an object": {"chain": "ethereum", "contract": {}},
    "a contract of 60,000 characters": {"chain": "ethereum", "contract": "0" * 60_000},
    "a contract with a Cyrillic letter": {"chain": "ethereum", "contract": f"0\u0445{USDT[2:]}"},
    "a contract of Tron in lower case": {"chain": "tron", "contract": USDT_TRON.lower()},
    "a contract of Solana in upper case": {"chain": "solana", "contract": USDC_SOLANA.upper()},
    "an unknown chain": {"chain": "narnia"},
    "an empty chain": {"chain": ""},
    "a chain in upper case": {"chain": "ETHEREUM"},
    "a network's name": {"chain": "Ethereum"},
    "a chain with a space": {"chain": "ethereum "},
    "a chain that is a number": {"chain": 1},
    "a chain that is an object": {"chain": {"name": "ethereum"}},
    "any EVM chain without a chain id": {"chain": "evmGeneric", "contract": USDT},
    "any EVM chain with null": {"chain": "evmGeneric", "chainId": None, "contract": None},
    "another spelling of any EVM chain": {"chain": "evmgeneric", "chainId": 1},
    "an unknown field": {"chain": "ethereum", "contract": None, "name": "Ether"},
    "a misspelled contract": {"chain": "ethereum", "contractAddress": USDT},
    "a misspelled chain id": {"chain_id": 1, "contract": USDT},
    "a code in the object": {"code": "btc"},
    "a code in place of the object": "btc",
    "a list": ["ethereum", None],
    "a number": 1,
    "true": True,
}

BODIES: dict[str, dict[str, Any] | bytes] = {
    "both forms of the source": asked(**{"from": {"chain": "bitcoin"}}),
    "both forms of the destination": asked(to={"chain": "tron", "contract": USDT_TRON}),
    "both forms, of different assets": asked(**{"from": {"chain": "litecoin"}}),
    "both forms of both sides": asked(
        **{"from": {"chain": "bitcoin"}, "to": {"chain": "tron", "contract": USDT_TRON}}
    ),
    "neither form of the source": asked(fromCcy=None),
    "neither form of the destination": asked(toCcy=None),
    "neither form of any side": asked(fromCcy=None, toCcy=None),
    "two forms that are null": {**asked(), "fromCcy": None, "from": None},
    "one asset on both sides": asked(toCcy=None, to={"chain": "bitcoin"}),
    "one asset on both sides, by reference": asked(
        fromCcy=None, toCcy=None, **{"from": {"chain": "bitcoin"}, "to": {"chain": "bitcoin"}}
    ),
    "a repeated reference": b'{"type":"float","from":{"chain":"bitcoin"},'
    b'"from":{"chain":"bitcoin"},"toCcy":"eth","direction":"from","amount":"0.01"}',
    "a repeated field of a reference": b'{"type":"float","from":{"chain":"litecoin",'
    b'"chain":"bitcoin"},"toCcy":"eth","direction":"from","amount":"0.01"}',
    "a reference that is cut off": b'{"type":"float","from":{"chain":"bitcoin"',
}
