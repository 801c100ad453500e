"""A partner stores texts that read as something else, or that nobody can tell apart."""

from uuid import uuid4

import pytest

from tests.conftest import Running
from tests.support.clients.cabinet import CabinetPartner
from tests.support.clients.command import invoke

CODES = "/partner/codes"
HIDDEN = {"bidirectional": "Refund\u202etnuocca", "mark": "Refund\u200e", "blank": "Re\u3164fund"}


@pytest.fixture(scope="module")
def partner(up: Running) -> CabinetPartner:
    partner = CabinetPartner.new(up)
    partner.api.until_active()
    return partner


@pytest.mark.parametrize("case", HIDDEN)
def test_a_label_with_hidden_characters_is_rejected_by_api_and_cabinet(
    partner: CabinetPartner, case: str
) -> None:
    code = f"code-{uuid4().hex[:8]}"
    called = partner.api.call("/codes", {"code": code, "label": HIDDEN[case]})
    assert (called.status, called.code) == (400, 1)
    page = partner.owner().send_form(CODES, code=code, label=HIDDEN[case], markup="")
    assert page.status == 422
    assert "none of them invisible" in page.words()
    assert code not in {one["code"] for one in partner.api.call("/codes", method="GET").data}


@pytest.mark.parametrize("case", HIDDEN)
def test_an_operators_texts_have_no_hidden_characters(
    up: Running, partner: CabinetPartner, case: str
) -> None:
    email = f"{uuid4().hex}@wallet.example"
    for arguments in (
        ("partner", "create", "--email", email, "--name", HIDDEN[case]),
        ("partner", "create", "--email", f"a\u202e{email}"),
        ("partner", "set", partner.email, "--markup-bps", "10", "--reason", HIDDEN[case]),
        ("payout", "mark-paid", partner.email, "--reference", HIDDEN[case]),
    ):
        done = invoke(*arguments, data_dir=up.data_dir)
        assert done.exit_code == 1, arguments
        assert "invisible" in done.stderr or "e-mail" in done.stderr
