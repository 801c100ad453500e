"""The signed cookie of known devices, and the capacity that is kept for them."""

from functools import partial
from uuid import uuid4

from domain.cabinet.devices import Device, DeviceSigner
from domain.cabinet.sessions import SessionCookie, SessionSigner

KEYS = {"k1": b"1" * 32, "k2": b"2" * 32}
DEVICE = Device(uuid4(), 3, "t" * 43)


def test_a_signed_device_is_verified_under_every_key_and_no_other() -> None:
    for current in KEYS:
        value = DeviceSigner(KEYS, current=partial(str, current)).sign(DEVICE)
        assert DeviceSigner(KEYS, current=lambda: "k1").verify(value) == DEVICE
        others = {"k1": b"3" * 32, "k2": b"3" * 32}
        assert DeviceSigner(others, current=lambda: "k1").verify(value) is None


def test_no_changed_character_of_a_device_cookie_is_accepted() -> None:
    signer = DeviceSigner(KEYS, current=lambda: "k1")
    value = signer.sign(DEVICE)
    for at, character in enumerate(value):
        other = "0" if character != "0" else "1"
        assert signer.verify(value[:at] + other + value[at + 1 :]) is None
    assert signer.verify(value + "\n") is None


def test_a_session_cookie_is_not_a_device_cookie() -> None:
    session = SessionSigner(KEYS, current=lambda: "k1").sign(SessionCookie(uuid4(), "t" * 43))
    assert DeviceSigner(KEYS, current=lambda: "k1").verify(session) is None


def test_the_token_is_not_part_of_a_devices_id_or_text() -> None:
    assert DEVICE.token not in DEVICE.id
    assert DEVICE.token not in repr(DEVICE)
