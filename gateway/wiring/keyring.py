"""The key ring of every process that encrypts or decrypts stored secrets."""

from pathlib import Path

import msgspec

from gateway.settings import SettingsError
from persistence.keyring_file import LiveKeyRing


def open_keyring(path: Path) -> LiveKeyRing:
    """Return the key ring of SWAPGATE_KEYRING; raise SettingsError if it cannot be used."""
    try:
        return LiveKeyRing(path)
    except OSError as error:
        raise SettingsError(f"the key ring {path} cannot be read: {error.strerror}") from None
    except (msgspec.MsgspecError, ValueError) as error:
        raise SettingsError(f"the key ring {path} cannot be used: {error}") from None
