"""Database URLs of several hosts: a connection leads to the primary, whichever host that is."""

import pytest

from gateway.settings import settings_from
from gateway.wiring.database import sessions_problem
from persistence.postgres.hosts import UnusableUrl, hosts_of, of_host, with_hosts
from persistence.postgres.transport import InsecureConnection, transport_of

LOGIN = "postgresql://me:s%40cret@"
READ_WRITE = "target_session_attrs=read-write"


def test_hosts_have_their_own_ports_or_the_usual_one() -> None:
    url = f"{LOGIN}db1.example:5433,db2.example,[2001:db8::7]:5434/swapgate?{READ_WRITE}"
    assert hosts_of(url) == ["db1.example:5433", "db2.example:5432", "[2001:db8::7]:5434"]
    assert hosts_of(f"{LOGIN}db.example/swapgate") == ["db.example:5432"]
    assert hosts_of("postgresql://me@/swapgate?host=%2Frun%2Fpostgresql&port=5433") == []


def test_one_host_can_be_reached_as_the_standby_that_it_is() -> None:
    url = f"{LOGIN}db1:1,db2:2/swapgate?sslmode=disable&{READ_WRITE}"
    assert of_host(url, "db2:2") == f"{LOGIN}db2:2/swapgate?sslmode=disable"
    assert hosts_of(with_hosts(url, ["db2:2", "db1:1"])) == ["db2:2", "db1:1"]


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        (f"{LOGIN}db1,db2/swapgate", "needs target_session_attrs=read-write"),
        (f"{LOGIN}db1,db2/swapgate?target_session_attrs=any", "needs target_session_attrs"),
        (f"{LOGIN}db1/swapgate?target_session_attrs=standby", "has to be read-write"),
        (f"{LOGIN}db1,/swapgate?{READ_WRITE}", "a host of the list is missing"),
        (f"{LOGIN}db1:x,db2/swapgate?{READ_WRITE}", "the port of host db1 is not a number"),
        (f"{LOGIN}db1,db2:70000/swapgate?{READ_WRITE}", "the port of host db2 is not a number"),
        (f"{LOGIN}2001:db8::7,db2/swapgate?{READ_WRITE}", "the port of host 2001 is not a number"),
        (f"postgresql://me@/swapgate?host=db1,db2&{READ_WRITE}", "several hosts are written as"),
    ],
)
def test_a_url_that_cannot_be_used_says_why_and_is_not_repeated(url: str, sentence: str) -> None:
    with pytest.raises(UnusableUrl, match=sentence) as raised:
        transport_of(url)
    assert "cret" not in str(raised.value)


def test_the_setting_whose_url_cannot_be_used_is_named() -> None:
    several = f"{LOGIN}localhost:1,localhost:2/swapgate?{READ_WRITE}"
    settings = {
        "SWAPGATE_DATABASE_URL": f"{LOGIN}localhost/swapgate",
        "SWAPGATE_VALKEY_URL": "valkey://localhost",
        "SWAPGATE_KEYRING": "/etc/keyring.json",
    }
    for name, url, sentence in (
        ("SWAPGATE_DATABASE_REPLICA_URL", several, "has to name one standby"),
        ("SWAPGATE_DATABASE_DIRECT_URL", f"{LOGIN}db1,db2/swapgate", "needs target_session_attrs"),
    ):
        problem = sessions_problem(settings_from({**settings, name: url}))
        assert problem is not None
        assert problem.startswith(f"{name} cannot be used: ")
        assert sentence in problem


def test_each_of_several_hosts_has_to_be_local_or_verified() -> None:
    url = f"{LOGIN}localhost,db2.example/swapgate?{READ_WRITE}"
    with pytest.raises(InsecureConnection, match="on another machine"):
        transport_of(url)
    verified = transport_of(f"{url}&sslmode=verify-full&sslrootcert=/etc/ca.pem")
    assert (verified.url, verified.ca_file) == (url, "/etc/ca.pem")
