"""Types of wire fields, with their schema.

The metadata of a response field only documents it: encoding does not validate.
"""

from datetime import UTC, datetime
from enum import Enum
from typing import Annotated, Final

from msgspec import Meta, Raw

DECIMAL = r"^(0|[1-9][0-9]*)(\.[0-9]+)?$"
TOKEN = r"^[A-Za-z0-9_-]{43}$"  # noqa: S105  a token's shape


def one_of(kind: type[Enum], *, also: tuple[str, ...] = (), name: str = "") -> Meta:
    """Return the metadata of a response's string with the values of an enum, and later ones.

    `name` is that of the enum in the OpenAPI document; by default, the name of its class.
    """
    values = sorted({member.value for member in kind} | set(also))
    return Meta(extra_json_schema={"title": name or kind.__name__, "enum": values})


AmountIn = Annotated[
    Raw,
    Meta(
        description="An amount: a decimal string, or a number, which is read from its digits. "
        "Positive, without an exponent, with at most the asset's `precision` decimals.",
        extra_json_schema={
            "anyOf": [
                {"type": "string", "pattern": r"^[0-9]{1,20}(\.[0-9]+)?$", "examples": ["0.01"]},
                {"type": "number", "exclusiveMinimum": 0},
            ]
        },
    ),
]
AssetIn = Annotated[str, Meta(description="An asset's code: see `/currencies`.", examples=["btc"])]
OrderIdIn = Annotated[
    str, Meta(description="The order's `id`. A value that is not a UUID returns code 6.")
]
TokenIn = Annotated[str, Meta(description="The `token` from the response of `/create`.")]

Amount = Annotated[
    str,
    Meta(pattern=DECIMAL, description="A decimal with exactly the asset's `precision` decimals."),
]
Rate = Annotated[
    str,
    Meta(pattern=DECIMAL, description="A decimal with at least 8 decimals and 10 digits."),
]
Usd = Annotated[str, Meta(pattern=r"^(0|[1-9][0-9]*)\.[0-9]{2}$", description="USD and cents.")]
Bps = Annotated[int, Meta(ge=0, le=2000, description="Basis points: hundredths of a percent.")]
ChainName = Annotated[
    str, Meta(description="The network's name in lowercase, without spaces.", examples=["ethereum"])
]
ChainId = Annotated[int, Meta(ge=1, description="The chain id of EIP-155.", examples=[1])]
Contract = Annotated[
    str, Meta(description="A token's contract, mint or issued currency, as its chain writes it.")
]
Precision = Annotated[int, Meta(ge=0, description="Decimals of the asset's amounts.")]
UnixSeconds = Annotated[int, Meta(ge=0, description="Seconds since 1970, UTC.")]
UnixMilliseconds = Annotated[int, Meta(ge=0, description="Milliseconds since 1970, UTC.")]
Moment = Annotated[
    str,
    Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
        description="ISO 8601 in UTC with milliseconds.",
        extra_json_schema={"format": "date-time"},
    ),
]
UUID_FORM: Final = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
Identity = Annotated[
    str, Meta(description="A UUID in lower case: send it as it is.", pattern=UUID_FORM)
]
# Not `format: uuid`: clients generated from it could not send the id in requests, where it is text.
Token = Annotated[str, Meta(pattern=TOKEN)]


def wire_moment(at: datetime) -> str:
    """Return a time as a Moment: ISO 8601 in UTC, with milliseconds and `Z`."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
