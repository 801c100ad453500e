"""The examples that /openapi.json shows, one an endpoint."""

from typing import Final

from gateway.api.endpoint import Example

_QUOTED: Final = {
    "type": "float",
    "fromCcy": "btc",
    "toCcy": "usdt_trc20",
    "direction": "from",
    "amount": "0.01",
}
_RECIPIENT: Final = "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"
_REFUND: Final = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"
_ORDER: Final = {
    "id": "018fb8a2-6c00-7f6a-b5a2-3d8c1e0f9a47",
    "type": "float",
    "status": "NEW",
    "time": {
        "reg": 1716800000,
        "expiration": 1716801800,
        "left": 1800,
        "update": 1716800000,
        "finish": None,
    },
    "from": {
        "code": "btc",
        "network": "Bitcoin",
        "chain": "bitcoin",
        "chainId": None,
        "contract": None,
        "amount": "0.01000000",
        "address": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "tag": None,
        "tx": {"id": None, "amount": None, "explorer": None},
        "confirmations": None,
        "confirmationsRequired": 2,
    },
    "to": {
        "code": "usdt_trc20",
        "network": "Tron",
        "chain": "tron",
        "chainId": None,
        "contract": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
        "amount": "616.881562",
        "address": _RECIPIENT,
        "tag": None,
        "tx": {"id": None, "amount": None, "explorer": None},
    },
    "back": {"address": _REFUND, "tx": {"id": None, "explorer": None}, "tag": None},
    "emergency": {"status": [], "choice": "NONE"},
    "rate": "61808.15625000",
    "networkFee": "1.200000",
    "markupBps": 50,
    "outcome": None,
    "code": None,
    "externalId": "invoice-1042",
    "metadata": {"basket": "7"},
    "statusUrl": "https://swap.example/status/018fb8a2-6c00-7f6a-b5a2-3d8c1e0f9a47",
}
_TOKEN: Final = "vG3mJ0xkqQ7l2yT9cWf5rB8nZ1uE4sH6aD0pKiLoXwM"  # noqa: S105  an example
WHICH_ORDER: Final = {"id": _ORDER["id"], "token": _TOKEN}
"""What a request names an order by."""

CURRENCIES: Final = Example(
    request={},
    data=[
        {
            "code": "usdt_trc20",
            "coin": "USDT",
            "network": "Tron",
            "chain": "tron",
            "chainId": None,
            "contract": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
            "name": "Tether (Tron)",
            "recv": True,
            "send": True,
            "tag": None,
            "logo": None,
            "color": None,
            "minAmount": None,
            "maxAmount": None,
            "precision": 6,
        }
    ],
)
PAIRS: Final = Example(
    request={},
    data=[
        {
            "from": "btc",
            "to": "usdt_trc20",
            "fromNetwork": "Bitcoin",
            "toNetwork": "Tron",
            "rateTypes": ["FLOAT"],
        }
    ],
)
PRICE: Final = Example(
    request=_QUOTED,
    data={
        "from": {
            "code": "btc",
            "coin": "BTC",
            "network": "Bitcoin",
            "chain": "bitcoin",
            "chainId": None,
            "contract": None,
            "amount": "0.01000000",
            "rate": "61808.15625000",
            "precision": 8,
            "min": "0.00001602",
            "max": "0.08006405",
            "usd": "624.50",
            "btc": "0.01000000",
        },
        "to": {
            "code": "usdt_trc20",
            "coin": "USDT",
            "network": "Tron",
            "chain": "tron",
            "chainId": None,
            "contract": "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t",
            "amount": "616.881562",
            "rate": "0.00001617909376",
            "precision": 6,
            "min": "0.999401",
            "max": "4997.001798",
            "usd": "617.25",
        },
        "networkFee": "1.200000",
        "errors": [],
        "markupBps": 50,
    },
)
QUOTE_ID: Final = (
    "1.k1.1716800060.018fb8a26c007b219d4e5f60718293a5.partner.float.from.1000000.6170"
    "55000.-"
    ".DE.btc.usdt_trc20.6182550000000.8.1200000.50.50.62450000000000000000000.1000000"
    "000000000000.f3fa9a724c5314d785068ad9be932a20e0444e1a8dce9a78384e5bc6a4d20041"
)
_PRICE_SIDES: Final = {"from": PRICE.data["from"], "to": PRICE.data["to"]}  # type: ignore[index]
QUOTE: Final = Example(
    request={**_QUOTED, "region": "DE"},
    data={
        "quoteId": QUOTE_ID,
        "validUntil": 1716800060,
        "type": "float",
        **_PRICE_SIDES,
        "networkFee": "1.200000",
        "markupBps": 50,
        "confirmations": 2,
        "etaSeconds": 1200,
        "problems": [],
    },
)
CREATE: Final = Example(
    request={
        **_QUOTED,
        "toAddress": _RECIPIENT,
        "refundAddress": _REFUND,
        "tag": None,
        "externalId": _ORDER["externalId"],
        "metadata": _ORDER["metadata"],
    },
    data={**_ORDER, "token": _TOKEN},
    other_requests={
        "quoted": {"quoteId": QUOTE_ID, "toAddress": _RECIPIENT, "refundAddress": _REFUND}
    },
)
ORDER: Final = Example(request={"id": _ORDER["id"]}, data=_ORDER)
EMERGENCY: Final = Example(request={**WHICH_ORDER, "choice": "EXCHANGE"}, data=True)
QR: Final = Example(
    request=WHICH_ORDER,
    data={"qrPng": "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAQAAAAEAAQAAAAB0CZXL"},
)
ROTATE_KEYS: Final = Example(
    request={"rotate": ["apiSecret"]},
    data={"apiSecret": "q0dXo1Cw5N7yR2uT8bK4mZ6hJ9aLsEfGvPiWxYtQnDk"},
)
_OWN: Final = {"id": _ORDER["id"]}
_PAID_IN: Final = {**_ORDER, "status": "PENDING"}
SANDBOX_DEPOSIT: Final = Example(request={**_OWN, "amount": "0.01", "late": False}, data=_PAID_IN)
SANDBOX_CONFIRM: Final = Example(request=_OWN, data={**_ORDER, "status": "EXCHANGE"})
SANDBOX_PAYOUT: Final = Example(request=_OWN, data={**_ORDER, "status": "DONE"})
SANDBOX_EXPIRE: Final = Example(request=_OWN, data={**_ORDER, "status": "EXPIRED"})
SANDBOX_ADVANCE: Final = Example(request={**_OWN, "seconds": 600}, data=_ORDER)
SANDBOX_WEBHOOK: Final = Example(request={"type": "webhook.test"}, data=_OWN)
_CODE: Final = {
    "id": "018fb8a2-6c00-7b21-9d4e-5f60718293a4",
    "code": "summer-24",
    "label": "Summer campaign",
    "afftaxBps": 75,
    "enabled": True,
    "createdAt": "2024-05-27T08:53:20.000Z",
}
CREATE_CODE: Final = Example(
    request={"code": _CODE["code"], "label": _CODE["label"], "afftaxBps": _CODE["afftaxBps"]},
    data=_CODE,
)
LIST_CODES: Final = Example(
    request=None,
    data=[{**_CODE, "orders": 3, "volumeUsd": "1873.50", "earningsUsd": "14.05"}],
)
NAME_CODE: Final = Example(request={"code": _CODE["code"]}, data=True)

_STATUS: Final = {
    "id": _ORDER["id"],
    "status": "PENDING",
    "outcome": None,
    "updatedAt": "2024-05-27T08:58:20.000Z",
}
STATUS: Final = Example(None, _STATUS)
ORDERS: Final = Example(
    {"updatedFrom": 1716800000, "externalId": _ORDER["externalId"], "limit": 1},
    {
        "orders": [_ORDER],
        "cursor": "AAYZapQmOAABj7iibAB_arWiPYweD5pHpFmVn0sLwXyE1tRjZdQ3Kg",
    },
)
ORDER_STATUSES: Final = Example({"ids": [_ORDER["id"]]}, [_STATUS])
VALIDATE_ADDRESS: Final = Example(
    {"ccy": "usdt_trc20", "address": _RECIPIENT, "tag": None}, {"valid": True, "reason": None}
)
