"""Addresses derive from public keys alone, belong to the key's owner, and never repeat."""

import pytest
from bip_utils import (
    Bip44Changes,
    CardanoShelley,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from monero.backends.offline import OfflineWallet
from monero.seed import Seed
from monero.wallet import Wallet

from domain.chains.addresses import canonical, check_address, check_tag
from domain.chains.networks import NETWORKS
from domain.chains.pay_in import PayInAccount
from domain.errors import InvalidCommand
from feeds.settlement.addresses.derivation import derive, sandbox_account
from feeds.settlement.addresses.one_address import FIRST_TAG
from tests.support.chains.accounts import (
    ACCOUNTS,
    EVERY_NETWORK,
    EVM,
    EXTENDED,
    INDICES,
    TAGGED,
    addresses,
    cardano_account,
    private_account,
    watched,
)

# Published for the mnemonic of these accounts, by BIP 84 and by wallets.
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
        assert canonical(network, address.address) == address.address
        check_tag(network, address.tag)
        assert (address.tag is not None) == (network in TAGGED)
    assert len({(address.address, address.tag) for address in made}) == 20
    assert [(address.network, address.index) for address in made] == [
        (network, index) for index in range(20)
    ]


@settings(max_examples=40)
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
    with pytest.raises(InvalidCommand):
        derive(ACCOUNTS[network], start=-1, count=2)


@pytest.mark.parametrize("network", TAGGED)
def test_orders_on_networks_with_tags_share_the_accounts_own_address(network: str) -> None:
    account = ACCOUNTS[network]
    made = derive(account, start=7, count=3)
    assert {address.address for address in made} == {account.public_key}
    assert [address.tag for address in made] == [str(FIRST_TAG + index) for index in (7, 8, 9)]
