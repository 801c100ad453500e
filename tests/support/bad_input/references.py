"""What an order cannot be given as its references, by name."""

XRP_REFUND = "rG1QQv2nh2gr7RCZ1P8YYcBUKCCN633jCn"
FROM_XRP = {"fromCcy": "xrp", "amount": "100", "refundAddress": XRP_REFUND}

INVALID: dict[str, dict[str, object]] = {
    "an empty externalId": {"externalId": ""},
    "an externalId of 65 characters": {"externalId": "x" * 65},
    "an externalId of 60,000 characters": {"externalId": "x" * 60_000},
    "an accented letter in externalId": {"externalId": "caf\u00e9"},
    "an emoji in externalId": {"externalId": "\U0001f600"},
    "full-width digits in externalId": {"externalId": "\uff11\uff12"},
    "a line feed in externalId": {"externalId": "a\n"},
    "a line feed at the start of externalId": {"externalId": "\na"},
    "a tab in externalId": {"externalId": "a\tb"},
    "a zero byte in externalId": {"externalId": "a\0b"},
    "a delete character in externalId": {"externalId": "\x7f"},
    "a bidirectional control in externalId": {"externalId": "a\u202eb"},
    "an externalId that is a number": {"externalId": 42},
    "an externalId that is true": {"externalId": True},
    "an externalId that is a list": {"externalId": ["a"]},
    "an externalId that is an object": {"externalId": {}},
    "17 pairs of metadata": {"metadata": {str(index): "" for index in range(17)}},
    "metadata of 1,025 bytes": {"metadata": {"key": "x" * 1022}},
    "metadata of 1,025 bytes in its keys": {"metadata": {"x" * 1025: ""}},
    "metadata of 1,025 bytes in 16 pairs": {
        "metadata": {f"{index:02}": "x" * 62 for index in range(15)} | {"zz": "x" * 63}
    },
    "metadata of 1,025 bytes of UTF-8 in fewer characters": {"metadata": {"k": "\u20ac" * 342}},
    "a zero character in a value of metadata": {"metadata": {"a": "b\0c"}},
    "a zero character in a key of metadata": {"metadata": {"\0": "b"}},
    "metadata that is a list": {"metadata": []},
    "metadata that is a string": {"metadata": "a=b"},
    "metadata that is a number": {"metadata": 1},
    "metadata with a number": {"metadata": {"a": 1}},
    "metadata with null": {"metadata": {"a": None}},
    "metadata with true": {"metadata": {"a": True}},
    "metadata with a list": {"metadata": {"a": ["b"]}},
    "metadata with an object": {"metadata": {"a": {"b": "c"}}},
    "a refundTag on a network without tags": {"refundTag": "1"},
    "an empty refundTag": {**FROM_XRP, "refundTag": ""},
    "a refundTag that is no destination tag": {**FROM_XRP, "refundTag": "abc"},
    "a refundTag above 32 bits": {**FROM_XRP, "refundTag": "4294967296"},
    "a negative refundTag": {**FROM_XRP, "refundTag": "-1"},
    "a refundTag that is a number": {**FROM_XRP, "refundTag": 1},
    "a refundTag that is a list": {**FROM_XRP, "refundTag": ["1"]},
    "a refundTag with a space": {**FROM_XRP, "refundTag": "1 "},
    "a refundTag of 60,000 characters": {**FROM_XRP, "refundTag": "1" * 60_000},
}

INVALID_TEXT = {
    "a repeated name in metadata": b'{"a":"1","a":"2"}',
    "half of a surrogate pair in metadata": rb'{"a":"\ud800"}',
    "bytes that are not UTF-8 in metadata": b'{"a":"\xff"}',
}
