"""Addresses are valid only on their own network; no text raises anything but InvalidAddress."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.chains.addresses import canonical, check_address, check_tag, spellings
from domain.chains.networks import NETWORKS
from domain.errors import InvalidAddress

EVM = (
    "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045",
    "0xd8da6bf26964af9d7eed9e03e53415d37aa96045",
    "0xD8DA6BF26964AF9D7EED9E03E53415D37AA96045",
    "0xdAC17F958D2ee523a2206206994597C13D831ec7",
)

EVM_NETWORKS = ("Ethereum", "BNB Smart Chain", "Polygon", "Arbitrum", "Base", "Avalanche")
VALID_COSMOS = "cosmos1hsk6jryyqjfhp5dhc55tc9jtckygx0eph6dd02"

VALID = {
    "Bitcoin": (
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
        "BC1QAR0SRRR7XFKVY5L643LYDNW9RE59GTZZWF5MDQ",
        "bc1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3qccfmv3",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
    ),
    "Litecoin": (
        "LM2WMpR1Rp6j3Sa59cMXMs1SPzj9eXpGc1",
        "MQMcJhpWHYVeQArcZR3sBgyPZxxRtnH441",
        "ltc1qjmxnz78nmc8nq77wuxh25n2es7rzm5c2rkk4wh",
    ),
    "Dogecoin": ("DH5yaieqoZN36fDVciNyRueRGvGLR3mr7L", "9rSHsR8xxKEkKW8Tbv3SGBdiwnQGWZ4bdM"),
    "Bitcoin Cash": (
        "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
        "qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6a",
        "bitcoincash:ppm2qsznhks23z7629mms6s4cwef74vcwvn0h829pq",
    ),
    "Tron": ("TJRabPrwbZy45sbavfcjinPJC18kjpRTv8", "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
    "Monero": (
        "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3A",
        "888tNkZrPN6JsEgekjMnABU4TBzc2Dt29EPAvkRxbANsAnjyPbb3iQ1YBRk1UXcdRsiKc9dhwMVgN5S9cQUiyoogDavup3H",
    ),
    "XRP Ledger": ("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", "rvYAfWj5gh67oV6fW32ZzP3Aw4Eubs59B"),
    "Solana": (
        "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU",
        "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v",
    ),
    "TON": (
        "EQDtFpEwcFAEcRe5mLVh2N6C0x-_hJEM7W61_JLnSF74p4q2",
        "UQDtFpEwcFAEcRe5mLVh2N6C0x-_hJEM7W61_JLnSF74p9dz",
        "EQDtFpEwcFAEcRe5mLVh2N6C0x+/hJEM7W61/JLnSF74p4q2",
    ),
    "Cardano": (
        "addr1qx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzer3n0d3vllmyqwsx5wktcd8cc3sq835lu7drv2xwl2wywfgse35a3x",
        "addr1vx2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzers66hrl8",
        "Ae2tdPwUPEZFRbyhz3cpfC2CumGzNkFBN2L42rcUc2yjQpEkxDbkPodpMAi",
    ),
    "Stellar": ("GAAZI4TCR3TY5OJHCTJC2A4QSY6CJWJH5IAJTGKIN2ER7LBNVKOCCWN7",),
    "Dash": ("XpESxaUmonkq8RaLLp46Brx2K39ggQe226", "7gnwGHt17heGpG9Crfeh4KGpYNFugPhJdh"),
    "Zcash": ("t1UYsZVJkLPeMjxEtACvSxfWuNmddpWfxzs", "t3Vz22vK5z2LcKEdg16Yv4FFneEL1zg9ojd"),
    "Cosmos": (VALID_COSMOS,),
    **dict.fromkeys(EVM_NETWORKS, EVM),
}

SPELLINGS = {
    "Bitcoin": VALID["Bitcoin"][2:4],
    "Ethereum": EVM[:3],
    "Bitcoin Cash": VALID["Bitcoin Cash"][:2],
    "TON": VALID["TON"],
    "Cosmos": (VALID_COSMOS, VALID_COSMOS.upper()),
    "Cardano": (VALID["Cardano"][1], VALID["Cardano"][1].upper()),
    "Litecoin": (VALID["Litecoin"][2], VALID["Litecoin"][2].upper()),
}
"""Texts of one address each, the canonical one among them."""

INVALID = {
    "Bitcoin": (
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdQ",  # mixed case
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdp",  # checksum
        "tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx",  # testnet
        "mipcBbFg9gMiCh81Kj8tqqdgoZub1ZJRfn",  # testnet
        "bc1sw50qgdz25j",  # witness version 16
        "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R",  # wrong length of v1
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",  # bech32, not bech32m
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "L1aW4aubDFB7yfras2S1mN3bqg9nwySY8nkoLmJebSLD5BWv3ENZ",  # a private key
    ),
    "Ethereum": (
        "0x0000000000000000000000000000000000000000",
        "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96046",
        "0xD8da6bf26964af9d7eed9e03e53415d37aa96045",  # wrong checksum
        "d8dA6BF26964aF9D7eEd9e03E53415D37aA96045",
        "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA9604",
    ),
    "Litecoin": (
        "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
        "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq",
    ),
    "Bitcoin Cash": (
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "bchtest:qpm2qsznhks23z7629mms6s4cwef74vcwvqcw003ap",
        "bitcoincash:qpm2qsznhks23z7629mms6s4cwef74vcwvy22gdx6b",
    ),
    "Tron": ("T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb", "TJRabPrwbZy45sbavfcjinPJC18kjpRTv9"),
    "Monero": (
        "9ujeXrjzf7bfeK3KZdCqnYaMwZVFuXemPU8Ubw335rj2FN1CdMiWNyFV3ksEfMFvRp9L9qum5UxkP5rN9aLcPxbH1au4WAB",
        "44AFFq5kSiGBoZ4NMDwYtN18obc8AemS33DBLWs3H7otXft3XjrpDtQGv7SqSsaBYBb98uNbr2VBBEt7f2wfn3RVGQBEP3B",
    ),
    "XRP Ledger": (
        "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTi",
        "XVLhHMPHU98es4dbozjVtdWzVrDjtV5fdx1mHp98tDMoQXb",  # X-address: carries its own tag
    ),
    "Solana": ("11111111111111111111111111111111", "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83"),
    "TON": (
        "kQDtFpEwcFAEcRe5mLVh2N6C0x-_hJEM7W61_JLnSF74p4q2",
        "0:ed16913070500471" + "17b998b561d8de82d31fbf84910ced6eb5fc92e7485ef8a7",
        "EQDtFpEwcFAEcRe5mLVh2N6C0x-_hJEM7W61_JLnSF74p4q3",
    ),
    "Cardano": (
        "stake1uyehkck0lajq8gr28t9uxnuvgcqrc6070x3k9r8048z8y5gh6ffgw",
        "addr_test1vz2fxv2umyhttkxyxp8x0dlpdt3k6cwng5pxj3jhsydzerspjrlsz",
    ),
    "Stellar": (
        "GAAZI4TCR3TY5OJHCTJC2A4QSY6CJWJH5IAJTGKIN2ER7LBNVKOCCWN8",
        "SBGWSG6BTNCKCOB3DIFBGCVMUPQFYPA2G4O34RMTB343OYPXU5DJDVMN",  # a secret seed
    ),
    "Zcash": ("zs1z7rejlpsa98s2rrrfkwmaxu53e4ue0ulcrw0h4x5g8jl04tak0d3mm47vdtahatqrlkngh9sly",),
    "Cosmos": (
        "cosmosvaloper1hsk6jryyqjfhp5dhc55tc9jtckygx0epxvhxqk",
        "osmo1hsk6jryyqjfhp5dhc55tc9jtckygx0eph6dd02",
    ),
}  # fmt: skip


def cases(table: dict[str, tuple[str, ...]]) -> list[tuple[str, str]]:
    return [(network, address) for network, addresses in table.items() for address in addresses]


def test_every_network_has_examples_of_valid_addresses() -> None:
    assert set(VALID) == set(NETWORKS)


@pytest.mark.parametrize(("network", "address"), cases(VALID))
def test_a_valid_address_is_accepted(network: str, address: str) -> None:
    check_address(network, address)


@pytest.mark.parametrize(("network", "address"), cases(INVALID))
def test_an_invalid_address_is_rejected(network: str, address: str) -> None:
    with pytest.raises(InvalidAddress):
        check_address(network, address)


@pytest.mark.parametrize(("network", "address"), [(n, a[0]) for n, a in VALID.items()])
def test_an_address_with_spaces_zero_bytes_or_lookalikes_is_rejected(
    network: str, address: str
) -> None:
    for invalid in (
        f" {address}", f"{address} ", f"{address}\n", f"{address}\0", f"{address}\u200b",
        address.replace("1", "\u0661", 1) + "\u0430", address * 10, address[:9], "",
    ):  # fmt: skip
        with pytest.raises(InvalidAddress):
            check_address(network, invalid)


@pytest.mark.parametrize(("network", "address"), [(n, a[0]) for n, a in VALID.items()])
def test_an_address_with_a_changed_character_is_rejected(network: str, address: str) -> None:
    if network == "Solana":
        pytest.skip("a Solana address has no checksum")
    other = "2" if address[-1] != "2" else "3"
    with pytest.raises(InvalidAddress):
        check_address(network, address[:-1] + other)


def test_an_address_of_another_family_is_rejected() -> None:
    evm = {network for network, addresses in VALID.items() if addresses is EVM}
    for network in NETWORKS:
        for other, addresses in VALID.items():
            if other == network or (network in evm and other in evm):
                continue
            for address in addresses:
                with pytest.raises(InvalidAddress):
                    check_address(network, address)


def test_an_unknown_network_has_no_addresses() -> None:
    with pytest.raises(InvalidAddress):
        check_address("Nowhere", "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa")


@pytest.mark.parametrize(("network", "address"), cases(VALID))
def test_the_canonical_form_of_an_address_is_one_of_its_spellings_and_accepted(
    network: str, address: str
) -> None:
    stored = canonical(network, address)
    check_address(network, stored)
    assert canonical(network, stored) == stored
    assert {stored, address} <= spellings(network, address) | spellings(network, stored)
    assert stored in spellings(network, address)


@pytest.mark.parametrize("network", SPELLINGS)
def test_all_spellings_of_an_address_have_one_canonical_form(network: str) -> None:
    texts = SPELLINGS[network]
    for text in texts:
        check_address(network, text)
    (stored,) = {canonical(network, text) for text in texts}
    assert stored in texts


@pytest.mark.parametrize("network", VALID)
def test_addresses_that_differ_have_canonical_forms_that_differ(network: str) -> None:
    same = set(SPELLINGS.get(network, ())) | set(EVM[:3] if network in EVM_NETWORKS else ())
    different = [text for text in VALID[network] if text not in same]
    forms = {canonical(network, text) for text in VALID[network]}
    assert len(forms) == len(different) + bool(same & set(VALID[network]))


@given(network=st.sampled_from(sorted(NETWORKS)), text=st.text(max_size=120))
def test_no_text_raises_anything_else(network: str, text: str) -> None:
    for check in (check_address, check_tag):
        try:
            check(network, text)
        except InvalidAddress:
            continue


@pytest.mark.parametrize(
    ("network", "tag"),
    [
        ("XRP Ledger", "0"),
        ("XRP Ledger", "4294967295"),
        ("TON", "for Ann"),
        ("Stellar", "é" * 14),
        ("Cosmos", "104729"),
        ("Bitcoin", None),
        ("XRP Ledger", None),
    ],
)
def test_a_valid_tag_is_accepted(network: str, tag: str | None) -> None:
    check_tag(network, tag)


@pytest.mark.parametrize(
    ("network", "tag"),
    [
        ("XRP Ledger", "4294967296"),
        ("XRP Ledger", "01"),
        ("XRP Ledger", "-1"),
        ("XRP Ledger", "\u0661"),
        ("XRP Ledger", ""),
        ("TON", ""),
        ("TON", "a\nb"),
        ("TON", "a" * 121),
        ("Stellar", "é" * 15),
        ("Cosmos", "a" * 257),
        ("Bitcoin", "1"),
        ("Bitcoin", ""),
        ("Ethereum", "memo"),
    ],
)
def test_an_invalid_tag_is_rejected(network: str, tag: str) -> None:
    with pytest.raises(InvalidAddress):
        check_tag(network, tag)
