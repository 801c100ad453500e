"""Only public keys become pay-in accounts; nothing that an account stores can spend."""

import secrets

import pytest
from bip_utils import (
    Base58Decoder,
    Base58Encoder,
    Base58XmrDecoder,
    Bech32Decoder,
    Bech32Encoder,
    Bip32Slip10Secp256k1,
    Ed25519MoneroPrivateKey,
    Ed25519PrivateKey,
    Secp256k1PrivateKey,
    WifEncoder,
    XmrAddrEncoder,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from monero.seed import Seed
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from domain.chains.addresses import check_address
from domain.chains.networks import NETWORKS
from domain.chains.pay_in import PayInAccount
from domain.errors import InvalidCommand
from feeds.settlement.addresses.derivation import checked_account, derive, sandbox_account
from tests.support.chains.accounts import (
    ACCOUNTS,
    EVERY_NETWORK,
    EXTENDED,
    MNEMONIC,
    SEED,
    TAGGED,
    addresses,
    cardano_account,
    private_account,
)

PUBLIC, PRIVATE = bytes.fromhex("0488b21e"), bytes.fromhex("0488ade4")


def extended(version: bytes, key: bytes, *, depth: int = 3) -> str:
    """Return an extended key of these parts, with a correct checksum."""
    index, chain_code = b"\x80\x00\x00\x00", b"\x07" * 32
    raw = version + bytes([depth]) + b"\x01\x02\x03\x04" + index + chain_code + key
    text: str = Base58Encoder.CheckEncode(raw)
    return text


def private_texts() -> dict[str, str]:
    """Return private keys in every form that an operator could enter by mistake."""
    key = b"\x01" * 32
    point = Secp256k1PrivateKey.FromBytes(key).PublicKey().RawCompressed().ToBytes()
    monero = Seed("11" * 32)
    spend, view = monero.secret_spend_key(), monero.secret_view_key()
    main = monero.public_address()
    cardano = cardano_account()
    cardano_raw = cardano.PrivateKey().Raw().ToBytes() + cardano.PublicKey().ChainCode().ToBytes()
    exported = {
        f"{network} {kind}": private_account(kind, coin).PrivateKey().ToExtended()
        for network, kind, coin in EXTENDED
    }
    return exported | {
        "master key": Bip32Slip10Secp256k1.FromSeed(SEED).PrivateKey().ToExtended(),
        "private key that claims to be public": extended(PUBLIC, b"\x00" + key),
        "public key that claims to be private": extended(PRIVATE, point),
        "wif": WifEncoder.Encode(key),
        "hex": key.hex(),
        "0x hex": f"0x{key.hex()}",
        "mnemonic": MNEMONIC,
        "seed": SEED.hex(),
        "cardano": Bech32Encoder.Encode("acct_xsk", cardano_raw),
        "cardano as public": Bech32Encoder.Encode("acct_xvk", cardano_raw),
        "stellar": "SBGWSG6BTNCKCOB3DIFBGCVMUPQFYPA2G4O34RMTB343OYPXU5DJDVMN",
        "xrp": "snoPBrXtMeMyMHUVTgbuqAfg1SUTb",
        "solana": str(Keypair.from_seed(key)),
        "monero spend key": spend,
        "monero spend key as view key": f"{main}:{spend}",
        "monero spend key as public key": f"{spend}:{view}",
        "monero spend key besides": f"{main}:{view}:{spend}",
        "monero view key": view,
    }


PRIVATE_TEXTS = private_texts()


@pytest.mark.parametrize("text", PRIVATE_TEXTS.values(), ids=PRIVATE_TEXTS)
def test_a_private_key_is_rejected_by_every_network_and_not_repeated(text: str) -> None:
    for network in NETWORKS.values():
        for form in network.accounts:
            account = PayInAccount(network.name, form.kind.value, text)
            for act in (checked_account, lambda it: derive(it, start=0, count=1)):
                with pytest.raises(InvalidCommand) as rejected:
                    act(account)
                assert text not in str(rejected.value)
                assert rejected.value.__cause__ is None
                assert rejected.value.__suppress_context__ or rejected.value.__context__ is None


def test_a_monero_account_needs_the_view_key_of_its_own_address() -> None:
    one, other = Seed("11" * 32), Seed("22" * 32)
    spend_public = bytes.fromhex(one.public_spend_key())
    two_in_one = XmrAddrEncoder.EncodeKey(spend_public, pub_vkey=spend_public, net_ver=b"\x12")
    check_address("Monero", two_in_one)
    for text in (
        f"{one.public_address()}:{other.secret_view_key()}",
        f"{one.public_spend_key()}:{one.secret_view_key()}",
        f"{one.public_address(net='stage')}:{one.secret_view_key()}",
        f"{one.public_address()}:{one.secret_view_key().upper()}",
        f"{one.public_address()}",
        f"{two_in_one}:{one.secret_spend_key()}",
    ):
        with pytest.raises(InvalidCommand):
            checked_account(PayInAccount("Monero", "monero-view-key", text))


def test_an_extended_key_of_another_level_network_or_curve_is_rejected() -> None:
    key = Secp256k1PrivateKey.FromBytes(b"\x01" * 32).PublicKey()
    point, uncompressed = key.RawCompressed().ToBytes(), key.RawUncompressed().ToBytes()
    zpub, dgub = bytes.fromhex("04b24746"), bytes.fromhex("02facafd")
    checked_account(PayInAccount("Bitcoin", "bip44", extended(PUBLIC, point)))
    checked_account(PayInAccount("Dogecoin", "bip44", extended(dgub, point)))
    for text in (
        extended(PUBLIC, point, depth=0),
        extended(PUBLIC, point, depth=4),
        extended(PUBLIC, uncompressed),
        extended(PUBLIC, b"\x02" + b"\xff" * 32),
        extended(zpub, point),
        extended(dgub, point),
        extended(bytes.fromhex("043587cf"), point),
        f" {extended(PUBLIC, point)}",
    ):
        with pytest.raises(InvalidCommand):
            checked_account(PayInAccount("Bitcoin", "bip44", text))


def test_an_account_of_a_kind_that_its_network_does_not_support_is_rejected() -> None:
    for network, account in ACCOUNTS.items():
        for kind in ("", "BIP44", "bip32", "cip1852" if network != "Cardano" else "bip44"):
            with pytest.raises(InvalidCommand, match=network):
                checked_account(PayInAccount(network, kind, account.public_key))


@settings(max_examples=80)
@given(account=st.sampled_from(list(ACCOUNTS.values())), data=st.data())
def test_no_text_raises_anything_but_invalid_request(
    account: PayInAccount, data: st.DataObject
) -> None:
    at = data.draw(st.integers(0, len(account.public_key) - 1))
    changed = (
        account.public_key[:at] + data.draw(st.text(max_size=3)) + account.public_key[at + 1 :]
    )
    for text in (changed, data.draw(st.text())):
        try:
            checked_account(PayInAccount(account.network, account.kind, text))
        except InvalidCommand:
            continue


@EVERY_NETWORK
def test_sandbox_accounts_are_valid_and_all_different(network: str) -> None:
    one, other = sandbox_account(network), sandbox_account(network)
    assert checked_account(one) == one
    assert one.public_key != other.public_key
    assert derive(one, start=0, count=1) == derive(one, start=0, count=1)
    if network not in TAGGED:
        assert derive(one, start=0, count=1) != derive(other, start=0, count=1)


def test_there_is_no_account_on_an_unknown_network() -> None:
    with pytest.raises(InvalidCommand):
        sandbox_account("Nowhere")
    with pytest.raises(InvalidCommand):
        checked_account(PayInAccount("Nowhere", "bip44", ACCOUNTS["Tron"].public_key))


def stored_bytes(account: PayInAccount) -> bytes:
    """Return all bytes of an account's text."""
    text = account.public_key
    match account.kind:
        case "cip1852":
            raw = Bech32Decoder.Decode("acct_xvk", text)
        case "monero-view-key":
            main, _, view_key = text.partition(":")
            raw = Base58XmrDecoder.Decode(main) + bytes.fromhex(view_key)
        case "one-address" | "sandbox-unspendable":
            raw = text.encode()
        case _:
            raw = Base58Decoder.CheckDecode(text)
    return bytes(raw)


@EVERY_NETWORK
def test_nothing_that_a_sandbox_account_stores_can_spend(network: str) -> None:
    """Try every 32 stored bytes as a private key of what is stored."""
    seed = secrets.token_bytes(32)
    account = sandbox_account(network, randomness=lambda size: seed[:size])
    raw = stored_bytes(account)
    if network != "Solana":
        assert seed not in raw
        assert seed.hex() not in account.public_key
    spendable = raw[1:33] if network == "Monero" else raw
    for start in range(len(raw) - 31):
        for curve in (Secp256k1PrivateKey, Ed25519PrivateKey, Ed25519MoneroPrivateKey):
            key = raw[start : start + 32]
            if curve.IsValidBytes(key):
                point = curve.FromBytes(key).PublicKey().RawCompressed().ToBytes()
                assert point[-32:] not in spendable


def test_solana_addresses_of_the_sandbox_are_points_of_the_curve() -> None:
    for address in addresses(ACCOUNTS["Solana"], *range(20)):
        assert Pubkey.from_string(address).is_on_curve()
