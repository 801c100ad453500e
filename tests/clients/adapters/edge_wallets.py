"""Wallets of Edge's shape: their chains, tokens and decimals are those of Edge, not of the API."""

from typing import Any, Final

ETH_ADDRESS: Final = "0x52908400098527886E0F7030069857D2E4169EE7"
USDT_TRON: Final = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
USDT_BSC: Final = "55d398326f99059ff775485246999027b3197955"


def wallet(
    plugin_id: str,
    coin: str,
    decimals: int,
    address: str,
    *,
    evm_chain_id: int | None = None,
    tokens: dict[str, Any] | None = None,
) -> dict[str, Any]:
    info = {"pluginId": plugin_id, "currencyCode": coin, "multiplier": str(10**decimals)}
    if evm_chain_id is not None:
        info["evmChainId"] = evm_chain_id  # type: ignore[assignment]
    return {
        "id": f"{plugin_id}-wallet",
        "currencyInfo": info,
        "allTokens": tokens or {},
        "receiveAddress": address,
    }


def token(coin: str, decimals: int, contract: str) -> dict[str, str]:
    return {"currencyCode": coin, "multiplier": str(10**decimals), "contractAddress": contract}


BITCOIN: Final = wallet("bitcoin", "BTC", 8, "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu")
ETHEREUM: Final = wallet("ethereum", "ETH", 18, ETH_ADDRESS, evm_chain_id=1)
TRON: Final = wallet(
    "tron",
    "TRX",
    6,
    "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8",
    tokens={USDT_TRON: token("USDT", 6, USDT_TRON)},
)
BSC: Final = wallet(
    "binancesmartchain",
    "BNB",
    18,
    ETH_ADDRESS,
    evm_chain_id=56,
    tokens={
        USDT_BSC: token("USDT", 18, f"0x{USDT_BSC}"),
        "00": token("NONE", 18, "0x0000000000000000000000000000000000000001"),
    },
)
RIPPLE: Final = wallet("ripple", "XRP", 6, "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh")


def request(
    source: dict[str, Any],
    destination: dict[str, Any],
    amount: int | str,
    *,
    quote_for: str = "from",
    from_token: str | None = None,
    to_token: str | None = None,
) -> dict[str, Any]:
    """Return a swap request; `amount` is in native units of the side `quote_for`."""
    return {
        "fromWallet": source,
        "toWallet": destination,
        "fromTokenId": from_token,
        "toTokenId": to_token,
        "nativeAmount": str(amount),
        "quoteFor": quote_for,
    }
