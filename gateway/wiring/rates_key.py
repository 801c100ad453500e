"""What prices are signed with: known to the rates process and to settlement alone."""

from pathlib import Path

from feeds.key_file import read_key
from gateway.settings import Settings


def rates_key(settings: Settings) -> bytes | None:
    """Return the key of SWAPGATE_RATES_KEY, None where there is none; raise InvalidKeyFile."""
    return read_key(Path(settings.rates_key)) if settings.rates_key else None
