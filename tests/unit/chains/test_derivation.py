"""Addresses derive from public keys alone, belong to the key's owner, and never repeat."""

import secrets
from typing import Any

import pytest
from bip_utils import (
    Base58Decoder,
    Base58Encoder,
    Base58XmrDecoder,
    Bech32Decoder,
    Bech32Encoder,
    Bip32Slip10Secp256k1,
    Bip39SeedGenerator,
    Bip44,
    Bip44Changes,
    Bip44Coins,
    Bip49,
    Bip49Coins,
    Bip84,
    Bip84Coins,
    CardanoIcarusSeedGenerator,
    CardanoShelley,
    Cip1852,
    Cip1852Coins,
    Ed25519MoneroPrivateKey,
    Ed25519PrivateKey,
    Secp256k1PrivateKey,
    WifEncoder,
    XmrAddrEncoder,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from monero.backends.offline import OfflineWallet
from monero.seed import Seed
from monero.wallet import Wallet
from solders.keypair import Keypair
from solders.pubkey import Pubkey

from domain.chains.addresses import check_address, check_tag
from domain.chains.networks import NETWORKS, evm
from domain.chains.pay_in import PayInAccount
from domain.errors import InvalidRequest
from feeds.settlement.addresses.derivation import checked_account, derive, sandbox_account
from feeds.settlement.addresses.one_address import FIRST_TAG

MNEMONIC = "abandon " * 11 + "about"
SEED = Bip39SeedGenerator(MNEMONIC).Generate()
INDICES = (0, 1, 2, 19, 1000, 2**31 - 1)
PUBLIC, PRIVATE = bytes.fromhex("0488b21e"), bytes.fromhex("0488ade4")

EVM = [network.name for network in evm.NETWORKS]
TAGGED = [network.name for network in NETWORKS.values() if network.tag is not None]
EVERY_NETWORK = pytest.mark.parametrize("network", sorted(NETWORKS))

# Published for the mnemonic above, by BIP 84 and by wallets.
KNOWN = {
    ("Bitcoin", "bip84"): (
        "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu",
        "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g",
    ),
    ("Bitcoin", "bip49"): ("37VucYSaXLCAsxYyAPfbSi9eh4iEcbShgf",),
    ("Bitcoin", "bip44"): ("1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA",),
    ("Litecoin", "bip84"): ("ltc1qjmxnz78nmc8nq77wuxh25n2es7rzm5c2rkk4wh",),
    ("Litecoin", "bip44"): ("LUWPbpM43E2p7ZSh8cyTBEkvpHmr3cB8Ez",),
    ("Dogecoin", "bip44"): ("DBus3bamQjgJULBJtYXpEzDWQRwF5iwxgC",),
    ("Bitcoin Cash", "bip44"): ("bitcoincash:qqyx49mu0kkn9ftfj6hje6g2wfer34yfnq5tahq3q6",),
    ("Dash", "bip44"): ("XoJA8qE3N2Y3jMLEtZ3vcN42qseZ8LvFf5", "XbctnEsgWTn5j1co3emZynemxSFPqkLRKZ"),
    ("Zcash", "bip44"): ("t1XVXWCvpMgBvUaed4XDqWtgQgJSu1Ghz7F",),
    ("Tron", "bip44"): ("TUEZSdKsoDHQMeZwihtdoBiN46zxhGWYdH", "TSeJkUh4Qv67VNFwY8LaAxERygNdy6NQZK"),
    **dict.fromkeys(
        ((network, "bip44") for network in EVM),
        (
            "0x9858EfFD232B4033E47d90003D41EC34EcaEda94",
            "0x6Fac4D18c912343BF86fa7049364Dd4E424Ab9C0",
            "0xb6716976A3ebe8D39aCEB04372f22Ff8e6802D7A",
        ),
    ),
    ("Cardano", "cip1852"): (
        "addr1qy8ac7qqy0vtulyl7wntmsxc6wex80gvcyjy33qffrhm7sh927ysx5sftuw0dlft05dz3c7revpf7jx0xnlcjz3g69mq4afdhv",
    ),
}

COINS = {
    "Bitcoin": (Bip44Coins.BITCOIN, Bip49Coins.BITCOIN, Bip84Coins.BITCOIN),
    "Litecoin": (Bip44Coins.LITECOIN, Bip49Coins.LITECOIN, Bip84Coins.LITECOIN),
    "Dogecoin": (Bip44Coins.DOGECOIN,),
    "Bitcoin Cash": (Bip44Coins.BITCOIN_CASH,),
    "Dash": (Bip44Coins.DASH,),
    "Zcash": (Bip44Coins.ZCASH,),
    "Tron": (Bip44Coins.TRON,),
    **dict.fromkeys(EVM, (Bip44Coins.ETHEREUM,)),
}
PURPOSES = {"bip44": Bip44, "bip49": Bip49, "bip84": Bip84}
EXTENDED = [
    (network, kind, coin)
    for network, coins in COINS.items()
    for kind, coin in zip(PURPOSES, coins, strict=False)
]


def private_account(kind: str, coin: object) -> Any:
    """Return the account with its private key."""
    return PURPOSES[kind].FromSeed(SEED, coin).Purpose().Coin().Account(0)


def cardano_account() -> Any:
    seed = CardanoIcarusSeedGenerator(MNEMONIC).Generate()
    return Cip1852.FromSeed(seed, Cip1852Coins.CARDANO_ICARUS).Purpose().Coin().Account(0)


def cardano_public_key() -> str:
    key = cardano_account().PublicKey()
    raw = key.RawCompressed().ToBytes()[1:] + key.ChainCode().ToBytes()
    text: str = Bech32Encoder.Encode("acct_xvk", raw)
    return text


def watched(network: str, kind: str) -> PayInAccount:
    """Return the mnemonic's account without its private key."""
    if kind == "cip1852":
        return PayInAccount(network, kind, cardano_public_key())
    coin = COINS[network][list(PURPOSES).index(kind)]
    return PayInAccount(network, kind, private_account(kind, coin).PublicKey().ToExtended())


def addresses(account: PayInAccount, *indices: int) -> list[str]:
    return [derive(account, start=index, count=1)[0].address for index in indices]


@pytest.mark.parametrize(("network", "kind"), KNOWN)
def test_derived_addresses_equal_the_published_ones(network: str, kind: str) -> None:
    known = KNOWN[network, kind]
    made = derive(watched(network, kind), start=0, count=len(known))
    assert tuple(address.address for address in made) == known


def test_the_account_key_of_bip_84_derives_its_addresses() -> None:
    zpub = (
        "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf3"
        "1mGDtKsAYz2oz2AGutZYs"
    )
    made = addresses(PayInAccount("Bitcoin", "bip84", zpub), 0, 1)
    assert tuple(made) == KNOWN["Bitcoin", "bip84"]


@pytest.mark.parametrize(("network", "kind", "coin"), EXTENDED)
def test_the_owner_of_the_private_key_derives_the_same_addresses(
    network: str, kind: str, coin: object
) -> None:
    owner = private_account(kind, coin).Change(Bip44Changes.CHAIN_EXT)
    assert not owner.IsPublicOnly()
    owned = [owner.AddressIndex(index).PublicKey().ToAddress() for index in INDICES]
    assert addresses(watched(network, kind), *INDICES) == owned


def test_the_owner_of_the_cardano_key_derives_the_same_addresses() -> None:
    owner = CardanoShelley.FromCip1852Object(cardano_account()).Change(Bip44Changes.CHAIN_EXT)
    assert not owner.IsPublicOnly()
    owned = [owner.AddressIndex(index).PublicKeys().ToAddress() for index in INDICES]
    assert addresses(watched("Cardano", "cip1852"), *INDICES) == owned


def test_the_owner_of_the_monero_wallet_derives_the_same_subaddresses() -> None:
    seed = Seed("11" * 32)
    main, view_key = str(seed.public_address()), seed.secret_view_key()
    owner = Wallet(OfflineWallet(main, view_key=view_key, spend_key=seed.secret_spend_key()))
    indices = (0, 1, 2, 1000, 2**32 - 2)
    made = addresses(PayInAccount("Monero", "monero-view-key", f"{main}:{view_key}"), *indices)
    assert made == [str(owner.get_address(0, index + 1)) for index in indices]
    assert main not in made


@EVERY_NETWORK
def test_addresses_are_valid_distinct_and_counted_from_zero(network: str) -> None:
    made = derive(sandbox_account(network), start=0, count=20)
    for address in made:
        check_address(network, address.address)
        check_tag(network, address.tag)
        assert (address.tag is not None) == (network in TAGGED)
    assert len({(address.address, address.tag) for address in made}) == 20
    assert [(address.network, address.index) for address in made] == [
        (network, index) for index in range(20)
    ]


ACCOUNTS = {
    network: sandbox_account(network, randomness=lambda size: b"\x05" * size)
    for network in sorted(NETWORKS)
}


@settings(max_examples=40, deadline=None)
@given(
    network=st.sampled_from(sorted(NETWORKS)),
    start=st.integers(0, 2**31 - 10),
    first=st.integers(0, 4),
    second=st.integers(0, 4),
)
def test_a_batch_continues_where_the_previous_one_ended(
    network: str, start: int, first: int, second: int
) -> None:
    account = ACCOUNTS[network]
    whole = derive(account, start=start, count=first + second)
    parts = derive(account, start=start, count=first)
    parts += derive(account, start=start + first, count=second)
    assert whole == parts
    assert [address.index for address in whole] == list(range(start, start + first + second))


@pytest.mark.parametrize(
    ("network", "size"),
    [("Bitcoin", 2**31), ("Cardano", 2**31), ("Monero", 2**32 - 1), ("XRP Ledger", 4194967296)],
)
def test_an_account_ends_at_its_last_index(network: str, size: int) -> None:
    account = ACCOUNTS[network]
    assert [made.index for made in derive(account, start=size - 2, count=9)] == [size - 2, size - 1]
    assert derive(account, start=size, count=9) == []
    for address in derive(account, start=size - 1, count=1):
        check_address(network, address.address)
        check_tag(network, address.tag)


@EVERY_NETWORK
def test_no_address_is_derived_at_a_negative_index(network: str) -> None:
    with pytest.raises(InvalidRequest):
        derive(ACCOUNTS[network], start=-1, count=2)


@pytest.mark.parametrize("network", TAGGED)
def test_orders_on_networks_with_tags_share_the_accounts_own_address(network: str) -> None:
    account = ACCOUNTS[network]
    made = derive(account, start=7, count=3)
    assert {address.address for address in made} == {account.public_key}
    assert [address.tag for address in made] == [str(FIRST_TAG + index) for index in (7, 8, 9)]


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
                with pytest.raises(InvalidRequest) as rejected:
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
        with pytest.raises(InvalidRequest):
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
        with pytest.raises(InvalidRequest):
            checked_account(PayInAccount("Bitcoin", "bip44", text))


def test_an_account_of_a_kind_that_its_network_does_not_support_is_rejected() -> None:
    for network, account in ACCOUNTS.items():
        for kind in ("", "BIP44", "bip32", "cip1852" if network != "Cardano" else "bip44"):
            with pytest.raises(InvalidRequest, match=network):
                checked_account(PayInAccount(network, kind, account.public_key))


@settings(max_examples=80, deadline=None)
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
        except InvalidRequest:
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
    with pytest.raises(InvalidRequest):
        sandbox_account("Nowhere")
    with pytest.raises(InvalidRequest):
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
