"""How bodies of orders' events are stored: compressed to a quarter, with a dictionary.

A body is 1.1 to 1.5 KB, of which only ids, addresses, amounts and times are its own. PostgreSQL
compresses rows of more than 2 KB only, and without a dictionary little is gained. Events of other
types are few, and stored as they are: the database checks what the gateway's role may send.
"""

import zlib
from typing import Final

_DICTIONARY_1: Final = (
    b'"status":"EXPIRED""status":"EMERGENCY""status":["EXPIRED","LIMIT"],"choice":"REFUND"'
    b'"choice":"EXCHANGE""outcome":"refunded""outcome":"exchanged""type":"fixed"'
    b'"code":"xmr","network":"Monero","chain":"monero""code":"ltc","network":"Litecoin",'
    b'"chain":"litecoin""code":"doge","network":"Dogecoin","chain":"dogecoin"'
    b'"code":"sol","network":"Solana","chain":"solana""code":"xrp","network":"Ripple"'
    b'"code":"usdc","network":"Ethereum""code":"usdt_trc20","network":"Tron","chain":"tron",'
    b'"chainId":null,"contract":"TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"'
    b'"code":"usdt","network":"Ethereum","chain":"ethereum","chainId":"1",'
    b'"contract":"0xdAC17F958D2ee523a2206206994597C13D831ec7"'
    b"https://tronscan.org/#/transaction/https://solscan.io/tx/https://litecoinspace.org/tx/"
    b"https://etherscan.io/tx/0xhttps://mempool.space/tx/"
    b'{"event":"order.status_changed","order":{"id":"019","type":"float","status":"NEW""PENDING"'
    b'"WITHDRAW""DONE","time":{"reg":17,"expiration":17,"left":1800,"update":17,"finish":null},'
    b'"from":{"code":"btc","network":"Bitcoin","chain":"bitcoin","chainId":null,"contract":null,'
    b'"amount":"0.10000000","address":"bc1q","tag":null,"tx":{"id":null,"amount":null,'
    b'"explorer":null},"confirmations":null,"confirmationsRequired":2},"to":{"code":"eth",'
    b'"network":"Ethereum","chain":"ethereum","chainId":"1","contract":null,'
    b'"amount":"0.000000000000000000","address":"0x","tag":null,"tx":{"id":null,"amount":null,'
    b'"explorer":null}},"back":{"address":"","tx":{"id":null,"explorer":null},"tag":null},'
    b'"emergency":{"status":[],"choice":"NONE"},"rate":"","networkFee":"0.000000","markupBps":50,'
    b'"outcome":null,"code":null,"externalId":null,"metadata":null,"statusUrl":null},"ts":17'
)

_COMPRESSED: Final = b"\x01"
"""What begins a body that was compressed with the first dictionary; JSON begins with a brace.

The dictionary is part of the format and never changes. A better one is a second one, with a number
of its own.
"""

_RAW_DEFLATE: Final = -zlib.MAX_WBITS
"""Without zlib's head and checksum, eight bytes that the database's own checksums make needless."""


def stored_body(body: bytes) -> bytes:
    """Return what is stored of a body."""
    compressor = zlib.compressobj(wbits=_RAW_DEFLATE, zdict=_DICTIONARY_1)
    return _COMPRESSED + compressor.compress(body) + compressor.flush()


def original_body(stored: bytes) -> bytes:
    """Return the body, byte for byte: decompressed, or stored as it is, as before 0.3.0."""
    if not stored.startswith(_COMPRESSED):
        return bytes(stored)
    decompressor = zlib.decompressobj(wbits=_RAW_DEFLATE, zdict=_DICTIONARY_1)
    return decompressor.decompress(stored[len(_COMPRESSED) :]) + decompressor.flush()
