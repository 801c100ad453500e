"""Distinct URLs, in unusual notations, of hosts that events must not be sent to."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

SPECIAL_V4 = [
    IPv4Address(text)
    for text in (
        *("0.0.0.0", "0.0.0.1", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200"),
        *("127.0.0.1", "127.0.0.53", "127.1.2.3", "127.255.255.254", "169.254.0.1"),
        *("169.254.169.254", "169.254.170.2", "172.16.0.1", "172.31.255.254", "192.0.0.1"),
        *("192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1", "192.168.255.254"),
        *("198.18.0.1", "198.19.255.254", "198.51.100.1", "203.0.113.1", "224.0.0.1"),
        *("239.255.255.250", "240.0.0.1", "255.255.255.254", "255.255.255.255", "168.63.129.16"),
    )
]

SPECIAL_V6 = [
    *("::", "::1", "::2", "::ffff:0:0", "100::1", "100:0:0:1::1", "2001::1", "2001:2::1"),
    *("2001:10::1", "2001:20::1", "2001:db8::1", "2001:1ff:ffff::1", "3ffe::1", "3fff::1"),
    *("5f00::1", "fc00::1", "fd00::1", "fd00:ec2::254", "fd20:ce::254", "fdff::1", "fe80::1"),
    *("febf::1", "fec0::1", "feff::1", "ff00::1", "ff02::1", "ff05::1:3", "ff0e::1", "4000::1"),
    *("e000::1", "2620:4f:8000::1", "0:0:0:0:0:0:0:1", "::ffff:0:127.0.0.1", "2001:0:1::1"),
]

NAMES = [
    *("localhost", "LOCALHOST", "localhost.", "a.localhost", "a.b.localhost"),
]

FORGED_URLS = [
    *("file:///etc/passwd", "gopher://127.0.0.1:{port}/_x", "dict://127.0.0.1:{port}/d"),
    *("ftp://127.0.0.1:{port}/", "unix:///var/run/docker.sock", "ws://127.0.0.1:{port}/"),
    *("http:127.0.0.1:{port}", "http:/127.0.0.1:{port}/", "http:///127.0.0.1:{port}/"),
    *(
        "//127.0.0.1:{port}/",
        "127.0.0.1:{port}",
        "javascript:0",
        "data:,x",
        "http://",
        "http://:{port}/",
    ),
    *("http://public.example@127.0.0.1:{port}/", "http://127.0.0.1:{port}@127.0.0.1:{port}/"),
    *(
        "http://a:b@127.0.0.1:{port}/",
        "http://@127.0.0.1:{port}/",
        "http://public.example#@127.0.0.1:{port}/",
    ),
    *("http://127.0.0.1:{port}#@public.example/", "http://127.0.0.1:{port}?@public.example/"),
    *("http://127.0.0.1:{port}\\@public.example/", "http://public.example\\@127.0.0.1:{port}/"),
    *("http://127.0.0.1:{port}%23@public.example/", "http://127.0.0.1%2f@public.example:{port}/"),
    *("http://127.0.0.1 :{port}/", "http:// 127.0.0.1:{port}/", "http://127.0.0.1\t:{port}/"),
    *("http://127.0.0.1\n:{port}/", "http://127.0.0.1\r\n:{port}/", "http://127.0.0.1\0:{port}/"),
    *("http://127.0.0.1:{port}:80/", "http://127.0.0.1:0{port}/", "http://[::1]{port}/"),
    *("http://[::1%25lo]:{port}/", "http://[fe80::1%25lo]:{port}/", "http://[::1%lo]:{port}/"),
    *(
        "http://[::1",
        "http://::1:{port}/",
        "http://[127.0.0.1]:{port}/",
        "http://[::ffff:7f.1]:{port}/",
    ),
    *(
        "http://127。0。0。1:{port}/",
        "http://①②⑦.⓪.⓪.①:{port}/",
        "http://\uff11\uff12\uff17.0.0.1:{port}/",
    ),
    *("http://ⓛocalhost:{port}/", "http://127.0.0.1.:{port}/", "http://127.0.0.1..:{port}/"),
    *("http://127..0.1:{port}/", "http://.127.0.0.1:{port}/", "http://127.0.0.1,:{port}/"),
]
"""URLs that are forged by their scheme, user name, separators, zone or alphabet."""


def notations(address: IPv4Address) -> Iterator[str]:
    """Yield ways to write an IPv4 address as a URL's host."""
    number = int(address)
    a, b, c, d = address.packed
    yield f"{a}.{b}.{c}.{d}"
    yield f"{a}.{b}.{c}.{d}."
    yield f"{number}"
    yield f"{number:#x}"
    yield f"{number:#X}".replace("0X", "0x")
    yield f"0{number:o}"
    yield f"{a:#x}.{b:#x}.{c:#x}.{d:#x}"
    yield f"0{a:o}.0{b:o}.0{c:o}.0{d:o}"
    yield f"000{a:o}.{b}.{c}.{d}"
    yield f"{a:03}.{b:03}.{c:03}.{d:03}"
    yield f"{a}.{number & 0xFFFFFF}"
    yield f"{a}.{b}.{number & 0xFFFF}"
    yield f"{a:#x}.{number & 0xFFFFFF}"
    yield f"{a}.{b:#x}.0{c:o}.{d}"
    yield "".join(f"%{ord(letter):02x}" for letter in str(address))


def translations(address: IPv4Address) -> Iterator[str]:
    """Yield IPv6 addresses, in brackets, that have an IPv4 address inside."""
    high, low = divmod(int(address), 1 << 16)
    inside = f"{high:x}:{low:x}"
    opposite = IPv4Address(int(address) ^ 0xFFFF_FFFF)
    high_opposite, low_opposite = divmod(int(opposite), 1 << 16)
    for text in (
        f"::ffff:{address}",
        f"::ffff:{inside}",
        f"0:0:0:0:0:ffff:{inside}",
        f"::{inside}",
        f"::ffff:0:{inside}",
        f"64:ff9b::{inside}",
        f"64:ff9b:1::{inside}",
        f"64:ff9b:1:7f00:0:100:{inside}",
        f"2002:{inside}::1",
        f"2001:0:4136:e378:8000:63bf:{high_opposite:x}:{low_opposite:x}",
        f"2001:4860::5efe:{inside}",
        f"2a00:1450::200:5efe:{inside}",
        f"fe80::5efe:{inside}",
    ):
        yield f"[{text}]"


def disguises() -> list[str]:
    """Return unusual notations of a public address, which no legitimate partner uses."""
    return [text for text in notations(IPv4Address("8.8.8.8")) if text.count(".") < 3]


def hosts() -> list[str]:
    """Return forged hosts: each special address in each notation."""
    forged = [text for address in SPECIAL_V4 for text in notations(address)]
    forged += [text for address in SPECIAL_V4[::2] for text in translations(address)]
    forged += [f"[{text}]" for text in SPECIAL_V6]
    forged += [f"[{IPv6Address(text).exploded}]" for text in SPECIAL_V6[::3]]
    forged += NAMES
    return list(dict.fromkeys(forged))
