"""The key that signs prices: only the rates process, settlement and the operator read it."""

from pathlib import Path

from feeds.key_file import InvalidKeyFile, read_key
from gateway.settings import Settings, SettingsError


def rates_key(settings: Settings) -> bytes | None:
    """Return the key of SWAPGATE_RATES_KEY, None if it is not set; raise SettingsError."""
    if not settings.rates_key:
        return None
    try:
        return read_key(Path(settings.rates_key))
    except InvalidKeyFile as error:
        raise SettingsError(f"the key that signs rates cannot be used: {error}") from None
