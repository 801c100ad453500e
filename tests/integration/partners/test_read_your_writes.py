"""A change is in effect on a worker that was not notified of it, from the response on."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from domain.actions.partners.manage_codes import NewCode, change_code, create_code, switch_code
from domain.errors import AuthDisabled, AuthInvalid, Unavailable
from domain.partners.partner import ALL_PARTNERS, PartnerChange
from persistence.postgres.partners.partners import change_partner
from persistence.valkey.admission.nonces import REMEMBERED_SINCE
from persistence.valkey.admission.revisions import revision_key
from tests.conftest import DatabaseUrls, Servers
from tests.support.builders.records import stored_partner
from tests.support.servers.two_workers import OLD, Setting, Worker, two_workers


@pytest.fixture
async def setting(database_urls: DatabaseUrls, servers: Servers) -> AsyncIterator[Setting]:
    async with two_workers(database_urls, servers) as setting:
        yield setting


async def change(setting: Setting, settings: PartnerChange) -> None:
    """Change the partner as the operator does."""
    await change_partner(setting.admin, setting.partner.id, settings)
    await setting.here.changed(setting.partner.id)


async def test_the_first_use_of_a_new_code_is_attributed_on_another_worker(
    setting: Setting,
) -> None:
    for number in range(20):
        name, markup = f"code-{number}", number * 3
        new = NewCode(code=name, markup_bps=markup)
        await create_code(setting.codes, setting.partner.id, new)
        caller = await setting.there.caller(name)
        assert caller.code is not None
        assert caller.code.markup_bps == markup


async def test_a_changed_code_is_used_as_changed_on_another_worker(setting: Setting) -> None:
    partner = setting.partner.id
    await create_code(setting.codes, partner, NewCode(code="summer", markup_bps=1))
    for markup in range(2, 12):
        await change_code(setting.codes, partner, "summer", label=None, markup_bps=markup)
        caller = await setting.there.caller("summer")
        assert caller.code is not None
        assert caller.code.markup_bps == markup
    for enabled in (False, True):
        await switch_code(setting.codes, partner, "summer", enabled=enabled)
        assert ((await setting.there.caller("summer")).code is not None) is enabled


async def test_settings_of_the_operator_are_in_effect_on_another_worker(setting: Setting) -> None:
    await change(setting, PartnerChange(markup_bps=77, budget=1_000))
    caller = await setting.there.caller()
    assert (caller.partner.markup_bps, caller.remaining) == (77, 997)


async def test_a_partner_is_disabled_and_enabled_on_another_worker(setting: Setting) -> None:
    await change(setting, PartnerChange(enabled=False))
    with pytest.raises(AuthDisabled):
        await setting.there.caller()
    await change(setting, PartnerChange(enabled=True))
    await setting.there.caller()


async def test_a_new_partner_calls_another_worker_at_once(setting: Setting) -> None:
    for _ in range(5):
        partner = await stored_partner(setting.admin)
        await setting.here.changed(partner.id)
        setting.there.partner = partner
        await setting.there.call(OLD)


async def test_a_hundred_unknown_keys_cause_one_reading_of_changes(setting: Setting) -> None:
    await change(setting, PartnerChange(markup_bps=1))
    before = setting.there.caught_up
    ended = await asyncio.gather(
        *(setting.there.call(OLD, key=f"unknown-{number}") for number in range(100)),
        return_exceptions=True,
    )
    assert {type(one) for one in ended} == {AuthInvalid}
    assert setting.there.caught_up - before == 1


async def test_concurrent_changes_and_calls_all_succeed(setting: Setting) -> None:
    names = [f"code-{number}" for number in range(30)]

    async def created_and_used(name: str) -> int | None:
        await create_code(setting.codes, setting.partner.id, NewCode(code=name, markup_bps=9))
        code = (await setting.there.caller(name)).code
        return None if code is None else code.markup_bps

    assert await asyncio.gather(*map(created_and_used, names)) == [9] * 30


async def test_no_call_is_admitted_after_valkey_has_lost_the_revisions(setting: Setting) -> None:
    """Revisions are lost with the nonces: calls wait until every worker has read all changes."""
    await create_code(setting.codes, setting.partner.id, NewCode(code="summer", markup_bps=5))
    partner = setting.partner.id
    await setting.valkey.delete(REMEMBERED_SINCE, *map(revision_key, (partner, ALL_PARTNERS)))
    for _ in range(2):
        with pytest.raises(Unavailable, match="nonces were lost"):
            await setting.there.caller("summer")


async def test_a_lost_revision_of_all_partners_is_published_again(setting: Setting) -> None:
    key = revision_key(ALL_PARTNERS)
    await setting.here.changed(setting.partner.id)
    stored = await setting.valkey.get(key)
    await setting.valkey.delete(key)
    partner = await stored_partner(setting.admin)
    setting.there.partner = partner
    await setting.there.call(OLD)
    assert int(await setting.valkey.get(key)) > int(stored)


async def test_a_change_without_valkey_returns_after_every_worker_has_read_it(
    setting: Setting, monkeypatch: pytest.MonkeyPatch
) -> None:
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    monkeypatch.setattr("gateway.wiring.admission.partner_changes.asyncio.sleep", pause)
    worker = Worker(setting.here.gateway, setting.nowhere, setting.partner)
    await worker.changed(setting.partner.id)
    assert pauses == [1.0]
