"""What doctor says about the hosts of a database: one primary, which its standbys follow."""

import pytest

from domain.actions.operator.doctor.checks import Remark
from domain.actions.operator.doctor.replication import DatabaseHost, replication_checks

PRIMARY = DatabaseHost(name="db1:5432", position=10**9, synchronous="*", followers=1)
STANDBY = DatabaseHost(name="db2:5432", position=10**9 - 512, is_standby=True)
CHANGED = {
    "db2:5432 cannot be reached (refused)": (
        PRIMARY,
        DatabaseHost(name="db2:5432", problem="refused"),
    ),
    "db1:5432 and db2:5432 accept writes": (
        PRIMARY,
        DatabaseHost(name="db2:5432", position=1, synchronous="*"),
    ),
    "None of the hosts accept writes": (STANDBY, STANDBY),
    "db2:5432 is 900,000,000 bytes behind db1:5432": (
        PRIMARY,
        DatabaseHost(name="db2:5432", position=10**8, is_standby=True),
    ),
    "Set synchronous_standby_names on db1:5432": (
        DatabaseHost(name="db1:5432", position=10**9, followers=1),
        STANDBY,
    ),
    "No standby is connected to db1:5432": (
        DatabaseHost(name="db1:5432", position=10**9, synchronous="*"),
        STANDBY,
    ),
}


async def advice_on(*hosts: DatabaseHost) -> str | None:
    async def read() -> tuple[DatabaseHost, ...]:
        return hosts

    ((name, probe),) = replication_checks(read)
    assert name == "database-hosts"
    return await probe()


async def test_the_primary_and_its_standbys_are_shown() -> None:
    found = await advice_on(STANDBY, PRIMARY)
    assert isinstance(found, Remark), "the check has passed"
    assert found == (
        "db1:5432 is the primary and waits for '*'; 1 connected; db2:5432 is a standby, 512 bytes "
        "behind"
    )


async def test_one_host_has_nothing_to_show() -> None:
    assert await advice_on() is None


@pytest.mark.parametrize("advice", CHANGED)
async def test_what_endangers_a_promotion_is_named(advice: str) -> None:
    found = await advice_on(*CHANGED[advice])
    assert found is not None
    assert found.startswith(advice)
    assert not isinstance(found, Remark)
