"""The output of every command fits a terminal of 80 columns."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import Result

from tests.conftest import DatabaseUrls, Servers
from tests.support.chains.world import litecoin_account
from tests.support.clients.command import invoke
from tests.support.clients.operator_command import Operator, new_operator
from tests.support.clients.operator_commands import PROCESSES, all_commands, name_of

COLUMNS = 80
WHO = "the-whole-team@a-wallet-with-a-long-name.example"
EVENT_ID = "01890a5d-ac96-774b-bcce-b302099a8057"
TX_ID = "5f" * 32

IN_THE_SANDBOX = [
    "order list",
    "order list --late",
    "order show {late}",
    "sandbox deposit {order}",
    "sandbox confirm {order}",
    "sandbox payout {order}",
    "sandbox advance {unpaid} --seconds 1",
    "sandbox expire {unpaid}",
    "sandbox mail",
    "order resolve {held} exchange",
    "doctor",
    "migrate",
    "reconcile",
    "retention",
    "partner list",
    "partner show {who}",
    "partner set {who} --budget 500",
    "key show {who}",
    "key create {who} --scope trade --label app",
    "key list {who}",
    "key label {who} {key} spare",
    "key revoke {who} {key}",
    "key set {who} --signature-v2-only",
    "partner disable {who}",
    "partner enable {who}",
    "partner create --email another@wallet.example",
    "partner password {who}",
    "partner second-factor-off {who}",
    "asset list",
    "asset show xmr",
    "asset disable xmr",
    "asset enable xmr",
    "pair list",
    "pair disable btc xmr",
    "pair enable btc xmr",
    "region block kp ir",
    "region allow kp",
    "region list",
    "fee show",
    "fee set Tron 10",
    "spread show",
    "spread set 10",
    "network-fee show",
    "network-fee set btc 0.1",
    "network-fee follow",
    "limits set --from btc --to xmr --min-usd 50",
    "limits set --daily-cap-usd 1000000",
    "limits show",
    "fixed-rate-terms set --premium-bps 10",
    "fixed-rate-terms show",
    "min-deposit set btc 0.000002",
    "min-deposit show",
    "unpaid-cap set partner 1000000 --who {who}",
    "unpaid-cap show",
    "reserve set usdt_trc20 1000000",
    "reserve list",
    "reserve show",
    "fixed-rates on",
    "refunds on",
    "maintenance off",
    "webhooks list {who}",
    "webhooks show {event}",
    "webhooks replay {event}",
    "webhooks test {who} --no-wait",
    "payout details {who}",
    "payout mark-paid {who} --reference a-reference-of-some-length --amount 1",
    "payout list {who}",
    "earnings show {who}",
    "earnings list {who}",
    "earnings clear {who}",
    "chain list",
    "chain unclaimed",
    "chain resume Litecoin",
    "chain confirmations ltc",
    "outflow show",
    "outflow hold {unpayable} --reason why",
    "outflow list",
    "outflow release {unpayable} --reason why",
    "outflow raise-bound {unpayable} 20 --reason why",
    "outflow cancelled",
    "outflow voided",
    "outflow void {sent} --reason stuck",
    "outflow resend {resent} --reason stuck",
    "outflow close {closed} --reason stuck",
    "outflow allow {order}",
    "outflow off",
    "outflow on",
    "outflow cap 1000",
    "deposit list",
    "deposit credits",
    "proposal list",
    "keyring rotate",
    "keyring reseal",
    "keyring list",
    "audit list",
    "operator list",
    "operator add ana",
]
WITH_REAL_MONEY = [
    "pay-in set Litecoin {account}",
    "pay-in list",
    "pay-in show Litecoin",
    "pay-in reuse Litecoin",
    "pay-in import Solana /dev/null",
    "pay-in restored --dry-run",
]
DATA = """
INSERT INTO chains (network, height, alarm, halted) VALUES
  ('Litecoin', 2700000, 'https://a-node.example/with/a/long/path is 9 blocks behind', true);
INSERT INTO deposit_credits (id, network, tx_id, address, asset, order_id, reason, requested_by,
  requested_at, decided_at, amount, rejection)
  SELECT gen_random_uuid(), 'Ethereum', '0x{tx_id}', '0xAbCd00000000000000000000000000000000Ef12',
    'eth', (SELECT min(id::text)::uuid FROM orders), 'a ticket with a long reason', 'ana', now(),
    now(), v.amount, v.rejection
  FROM (VALUES (1.23456789, NULL), (NULL, 'the transaction brought nothing to the address'))
    AS v (amount, rejection);
INSERT INTO unclaimed_deposits (network, tx_id, address, asset, amount, order_id)
  SELECT 'Litecoin', '{tx_id}', 'ltc1qcr8te4kr609gcawutmrza0j4xv80jy8z4nqduv', 'ltc', 0.123456789,
    id FROM orders LIMIT 1;
INSERT INTO outflows (order_id, kind, network, asset, address, amount, usd, raw, tx_id, signed_at)
  SELECT id, 'payout', 'Tron', 'usdt_trc20', 'TJRabPrwbZy45sbavfcjinPJC18kjpRTv8', 617.55, 617.55,
    'ff', '{tx_id}', now() FROM orders WHERE id = '{sent}';
INSERT INTO voided_outflows (intention, order_id, kind, network, asset, address, amount, tx_ids,
    mined_tx_id, intended_at)
  SELECT -row_number() OVER (), id, 'payout', 'Tron', 'usdt_trc20',
    'TJRabPrwbZy45sbavfcjinPJC18kjpRTv8', 617.55, '{{ {tx_id} }}', '{tx_id}', now()
  FROM orders WHERE id IN ('{resent}', '{closed}');
INSERT INTO cancelled_outflows (order_id, intention, kind, network, asset, address, amount,
    intended_at, cancelled_at)
  SELECT id, 1, 'payout', 'Ethereum', 'eth', '0x9858EfFD232B4033E47d90003D41EC34EcaEda94',
    0.123456789012345678, now(), now() FROM orders LIMIT 1;
INSERT INTO payout_details (id, partner_id, asset, address, requested_by, requested_at,
    effective_at)
  SELECT gen_random_uuid(), id, 'usdt_trc20', 'TJRabPrwbZy45sbavfcjinPJC18kjpRTv8', email,
    now() - interval '2 days', now() - interval '1 day' FROM partners WHERE email = '{who}';
INSERT INTO webhook_events (id, partner_id, position, type, dedup_key, body, status, attempts,
    due_at, created_at, finished_at)
  SELECT '{event_id}', id, 0, 'order.status_changed', 'order:{event_id}:EXCHANGE',
    convert_to(repeat('{{"a":"a body of many words"}}', 20), 'UTF8'), 'dead', 3, now(), now(), now()
    FROM partners WHERE email = '{who}';
INSERT INTO webhook_attempts (event_id, attempt, started_at, latency_ms, http_status, response_body)
  VALUES ('{event_id}', 1, now(), 12, 500, repeat('an answer of many words ', 20));
INSERT INTO partner_users (id, partner_id, email, password_hash, one_time, updated_at, role)
  SELECT id, id, email, 'hash', false, now(), 'owner' FROM partners WHERE email = '{who}';
INSERT INTO second_factors (member_id, secret_sealed, created_at, confirmed_at)
  SELECT id, '', now(), now() FROM partners WHERE email = '{who}';
WITH made AS MATERIALIZED (SELECT gen_random_uuid() AS id)
INSERT INTO ledger_postings (transaction_id, position, account, partner_id, amount, created_at)
  SELECT made.id, position, account, partners.id, 12.34 * sign, now() FROM made, partners,
    (VALUES (1, 'customer_deposits', -1), (2, 'markup', 1)) AS p (position, account, sign)
  WHERE email = '{who}';
"""


@pytest.fixture
def sandbox(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    operator = new_operator(database_urls, servers, tmp_path)
    operator.publish_rates()
    return operator


@pytest.fixture
def live(database_urls: DatabaseUrls, servers: Servers, tmp_path: Path) -> Operator:
    return new_operator(database_urls, servers, tmp_path, sandbox=False)


def store_examples(operator: Operator) -> dict[str, str]:
    """Store an example of every object that commands print; return the ids."""
    operator.partner(email=WHO, webhook_url="https://wallet.example/a/long/path/to/a/webhook")
    states = {"sent": "paying_out", "resent": "paying_out", "closed": "completed"}
    names = {name: operator.order() for name in ("order", "unpaid", "late", *states)}
    names["held"] = operator.order(expires_at=datetime.now(UTC) - timedelta(seconds=1))
    operator.json("order", "resolve", names["late"], "cancel")
    for name in ("late", "held"):
        operator.json("sandbox", "deposit", names[name])
        operator.json("sandbox", "confirm", names[name])
    for name, state in states.items():
        operator.sql("UPDATE orders SET state = %s WHERE id = %s", state, names[name])
    for statement in DATA.format(tx_id=TX_ID, who=WHO, event_id=EVENT_ID, **names).split(";\n"):
        if statement.strip():
            operator.sql(statement)
    names["unpayable"] = operator.order()
    operator.sql("UPDATE orders SET state = 'paying_out' WHERE id = %s", names["unpayable"])
    (key,) = operator.json("key", "list", WHO)
    return {**names, "who": WHO, "event": EVENT_ID, "key": str(key["apiKey"])}


def output(operator: Operator, command: str, **names: str) -> Result:
    arguments = [word.format(**names) for word in command.split()]
    return invoke(*arguments, data_dir=operator.data_dir, COLUMNS=str(COLUMNS))


def check_width(done: Result, command: str, *, statuses: tuple[int, ...] = (0,)) -> None:
    assert done.exit_code in statuses, (command, done.stderr)
    lines = done.stdout.splitlines()
    assert lines, command
    assert max(map(len, lines)) <= COLUMNS, (command, done.stdout)


def test_the_output_of_every_command_is_tested() -> None:
    covered = {name_of(command) for command in IN_THE_SANDBOX + WITH_REAL_MONEY}

    untested = set(all_commands()) - PROCESSES - covered
    assert untested == {  # print names and values only, or SQL
        "approve",
        "deposit credit",
        "deposit refund",
        "init",
        "proposal bound",
        "proposal show",
        "proposal withdraw",
        "operator disable",
        "operator login",
        "pay-in sweep",
        "valkey acl",
    }


def test_commands_print_80_columns_at_most(sandbox: Operator) -> None:
    names = store_examples(sandbox)

    for command in IN_THE_SANDBOX:
        statuses = (0, 1) if command in {"doctor", "reconcile"} else (0,)
        check_width(output(sandbox, command, **names), command, statuses=statuses)


def test_commands_for_real_money_print_80_columns_at_most(live: Operator) -> None:
    for command in WITH_REAL_MONEY:
        check_width(output(live, command, account=litecoin_account()), command)
