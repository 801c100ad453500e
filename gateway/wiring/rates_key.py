"""The key that signs prices: only the rates process, settlement and the operator read it."""

from pathlib import Path

from feeds.key_file import InvalidKeyFile, read_key
from gateway.settings import Settings, SettingsError


def rates_key(settings: Settings) -> bytes:
    """Return the key of SWAPGATE_RATES_KEY; raise SettingsError."""
    if not settings.rates_key:
        raise SettingsError(
            "SWAPGATE_RATES_KEY is not set: it names the file of the key that `swapgate rates` "
            "signs prices with, and that settlement and commands verify them with"
        )
    try:
        return read_key(Path(settings.rates_key))
    except InvalidKeyFile as error:
        raise SettingsError(f"the key that signs rates cannot be used: {error}") from None
