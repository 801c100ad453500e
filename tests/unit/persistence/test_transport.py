"""Which database URLs are accepted: those of this machine, and those that verify the server."""

import psqlpy
import pytest

from persistence.postgres.transport import InsecureConnection, Transport, transport_of

VERIFIED = "sslmode=verify-full&sslrootcert=/etc/ca.pem"
LOCAL = (
    "postgresql://me:secret@/db?host=%2Frun%2Fpostgresql&port=5432",
    "postgresql://me:secret@localhost/db",
    "postgresql://me:secret@127.0.0.1:5432/db",
    "postgresql://me:secret@[::1]:5432/db",
    "postgresql://me:secret@localhost:1,127.0.0.2:2/db?target_session_attrs=read-write",
    "postgresql://me:secret@%2Frun%2Fpostgresql/db",
)
REMOTE = (
    "postgresql://me:secret@db.example/db",
    "postgresql://me:secret@192.0.2.7:5432/db",
    "postgresql://me:secret@[2001:db8::7]:5432/db",
    "postgresql://me:secret@localhost:1,db.example:2/db?target_session_attrs=read-write",
    "postgresql://me:secret@localhost/db?host=db.example",
    "postgresql://me:secret@localhost/db?hostaddr=192.0.2.7",
)


@pytest.mark.parametrize("url", LOCAL)
def test_connections_on_this_machine_need_no_encryption(url: str) -> None:
    assert transport_of(url).ssl_mode is None
    assert transport_of(url).url == url


@pytest.mark.parametrize("url", REMOTE)
def test_connections_to_another_machine_have_to_state_how_they_are_protected(url: str) -> None:
    with pytest.raises(InsecureConnection, match="on another machine") as error:
        transport_of(url)
    assert "secret" not in str(error.value)
    separator = "&" if "?" in url else "?"
    assert transport_of(f"{url}{separator}sslmode=disable") == Transport(url, None, None)
    assert transport_of(f"{url}{separator}{VERIFIED}") == Transport(
        url, psqlpy.SslMode.VerifyFull, "/etc/ca.pem"
    )


@pytest.mark.parametrize("mode", ["allow", "prefer", "require", "verify-ca", "VERIFY-FULL", ""])
@pytest.mark.parametrize("url", [LOCAL[1], REMOTE[0]])
def test_encryption_without_verification_is_rejected(url: str, mode: str) -> None:
    with pytest.raises(InsecureConnection, match="does not verify"):
        transport_of(f"{url}?sslmode={mode}&sslrootcert=/etc/ca.pem")


@pytest.mark.parametrize("rest", ["", "&sslrootcert=", "&sslrootcert=system"])
def test_verification_needs_the_file_of_an_authority(rest: str) -> None:
    with pytest.raises(InsecureConnection, match="sslrootcert"):
        transport_of(f"{REMOTE[0]}?sslmode=verify-full{rest}")


@pytest.mark.parametrize("name", ["sslcert", "sslkey", "sslcrl"])
def test_settings_that_the_driver_would_ignore_are_rejected(name: str) -> None:
    with pytest.raises(InsecureConnection, match=name):
        transport_of(f"{REMOTE[0]}?{VERIFIED}&{name}=/etc/x.pem")
