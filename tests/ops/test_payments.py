"""`bedside payments keys`: keys are tried before they are kept, never shown, and used at once by what runs."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from clinic.config import Config
from clinic.payment.providers import Unreachable
from ops import deployment, doctor, keys, payments, preflight
from ops.layout import Layout
from ops.problems import Problem
from tests.support.stripe_stand_in import KEY, LIVE_KEY, OLD_SECRET, OTHER_KEY, RESTRICTED_KEY, SECRET, StripeStandIn
from web.gateways import keys as gateway_keys


@pytest.fixture
def stand() -> Iterator[StripeStandIn]:
    with StripeStandIn() as running:
        yield running


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """A clinic that was started once."""
    made = Layout(tmp_path, 8600)
    preflight.prepare_folder(tmp_path)
    keys.ensure(tmp_path / "secrets")
    deployment.remember(made)
    return made


@pytest.fixture
def config(layout: Layout) -> Config:
    return Config.from_environ({**os.environ, **layout.environment()})


def run(layout: Layout, stand: StripeStandIn | None, *arguments: str, lines: tuple[str, ...] = ()) -> Result:
    base = ("--api-base", stand.url) if stand else ()
    source = ("--key-file", "-") if lines else ()
    return CliRunner().invoke(payments.payments, ["keys", "--data", str(layout.data), *base, *source, *arguments], input="\n".join(lines))


def problem(result: Result) -> str:
    assert isinstance(result.exception, Problem), result.output
    for secret in (KEY, LIVE_KEY, OTHER_KEY, RESTRICTED_KEY, SECRET, OLD_SECRET):
        assert secret not in str(result.exception)
    return str(result.exception)


def test_keys_are_tried_kept_for_their_owner_alone_and_used_at_once(layout: Layout, config: Config, stand: StripeStandIn) -> None:
    assert gateway_keys.provider(config) is None
    assert gateway_keys.webhook_secrets(config) == ()
    said = run(layout, stand, lines=(KEY, SECRET)).output
    assert "a secret key of Stand-in Clinic (acct_standin1)" in said
    assert "TEST MODE" in said
    assert KEY not in said
    assert SECRET not in said
    assert config.payments_file.stat().st_mode & 0o777 == 0o600
    provider = gateway_keys.provider(config)
    assert provider
    assert provider.account().reference == "acct_standin1"
    assert gateway_keys.provider(config) is provider
    assert gateway_keys.webhook_secrets(config) == (SECRET,)
    found = gateway_keys.keys(config)
    assert found
    assert found.test
    assert KEY not in repr(found)
    assert SECRET not in repr(found)


def test_live_and_restricted_keys_are_told_apart(layout: Layout, config: Config, stand: StripeStandIn) -> None:
    assert "LIVE: real money" in run(layout, stand, lines=(LIVE_KEY,)).output
    found = gateway_keys.keys(config)
    assert found
    assert not found.test
    said = run(layout, stand, lines=(RESTRICTED_KEY, SECRET)).output
    assert "a restricted key of (acct_standin1)" in said
    assert "TEST MODE" in said


def test_another_account_is_pointed_out_and_its_webhooks_are_not_taken_for_the_old_ones(layout: Layout, config: Config, stand: StripeStandIn) -> None:
    run(layout, stand, lines=(KEY, SECRET))
    said = run(layout, stand, lines=(OTHER_KEY,)).output
    assert "of acct_standin1: what was paid there has to be refunded there" in said
    assert "There is no webhook secret yet" in said
    assert gateway_keys.webhook_secrets(config) == ()


def test_a_new_key_of_the_same_account_keeps_the_webhook_secret(layout: Layout, config: Config, stand: StripeStandIn) -> None:
    run(layout, stand, lines=(KEY, SECRET))
    stand.keys["sk_test_standinrolled001"] = "acct_standin1"
    before = gateway_keys.provider(config)
    assert run(layout, stand, lines=("sk_test_standinrolled001",)).exit_code == 0
    assert gateway_keys.webhook_secrets(config) == (SECRET,)
    assert gateway_keys.provider(config) is not before


def test_a_second_webhook_secret_stands_beside_the_first_and_a_third_replaces_the_older(layout: Layout, config: Config, stand: StripeStandIn) -> None:
    run(layout, stand, lines=(KEY, OLD_SECRET))
    assert "either of two" in run(layout, None, "--add-webhook-secret", lines=(SECRET,)).output
    assert gateway_keys.webhook_secrets(config) == (SECRET, OLD_SECRET)
    run(layout, None, "--add-webhook-secret", lines=("whsec_third_one_3",))
    assert gateway_keys.webhook_secrets(config) == ("whsec_third_one_3", SECRET)


def test_keys_that_were_taken_away_take_no_payments(layout: Layout, config: Config, stand: StripeStandIn) -> None:
    run(layout, stand, lines=(KEY, SECRET))
    assert gateway_keys.provider(config)
    assert "nobody can pay online" in run(layout, None, "--remove").output
    assert gateway_keys.provider(config) is None
    assert "no payment keys" in run(layout, None, "--remove").output


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (("pk_test_publishable01",), "publishable key"),
        (("shoes",), "begins with sk_test_"),
        ((SECRET,), "no secret key"),
        ((KEY, "whsec_!"), "no webhook secret"),
        ((KEY, OTHER_KEY), "more than one"),
        (("sk_test_nobodyknowsthis",), "does not take this key"),
    ],
)
def test_what_is_no_key_changes_nothing(layout: Layout, config: Config, stand: StripeStandIn, lines: tuple[str, ...], words: str) -> None:
    run(layout, stand, lines=(KEY, SECRET))
    before = config.payments_file.read_text()
    assert words in problem(run(layout, stand, lines=lines))
    assert config.payments_file.read_text() == before


def test_a_key_that_cannot_be_tried_is_not_kept(layout: Layout, config: Config, stand: StripeStandIn) -> None:
    with stand.outage():
        assert "could not be reached" in problem(run(layout, stand, lines=(KEY,)))
    assert not config.payments_file.exists()


def test_a_webhook_secret_alone_needs_keys_to_stand_beside(layout: Layout, stand: StripeStandIn) -> None:
    assert "no payment keys yet" in problem(run(layout, None, "--add-webhook-secret", lines=(SECRET,)))
    run(layout, stand, lines=(KEY,))
    assert "nothing else" in problem(run(layout, None, "--add-webhook-secret", lines=(KEY,)))


@pytest.mark.parametrize("base", ["http://api.stripe.com", "https://evil.example", "http://10.0.0.1:80", "http://localhost", "http://a@127.0.0.1:1", "ftp://127.0.0.1:1"])
def test_keys_are_sent_to_stripe_or_this_machine_only(layout: Layout, base: str) -> None:
    assert "neither" in problem(run(layout, None, "--api-base", base, lines=(KEY,)))


def test_without_a_terminal_nothing_is_asked(layout: Layout) -> None:
    assert "--key-file" in problem(run(layout, None))


def test_at_a_terminal_keys_are_asked_for_and_not_shown(layout: Layout, config: Config, stand: StripeStandIn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payments, "at_terminal", lambda: True)
    done = CliRunner().invoke(payments.payments, ["keys", "--data", str(layout.data), "--api-base", stand.url], input=f"{KEY}\n{SECRET}\n")
    assert done.exit_code == 0, done.output
    assert KEY not in done.output
    assert SECRET not in done.output
    assert gateway_keys.webhook_secrets(config) == (SECRET,)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", '{"secret_key": 5}', "\xff", '{"secret_key": "pk_test_publishable01", "webhook_secrets": []}']
    + [json.dumps({"secret_key": KEY, "webhook_secrets": wrong}) for wrong in (None, "whsec_abcdefgh", [5], ["shoes"])]
    + [json.dumps({"secret_key": KEY, "webhook_secrets": [], "api_base": wrong}) for wrong in (5, "https://evil.example", "http://[")],
)
def test_a_damaged_file_is_told_in_words_and_is_no_reason_to_give_up(config: Config, text: str) -> None:
    config.payments_file.write_bytes(text.encode("latin-1"))
    for ask in (gateway_keys.provider, gateway_keys.webhook_secrets, gateway_keys.keys):
        with pytest.raises(gateway_keys.Damaged, match="bedside payments keys") as damaged:
            ask(config)
    assert isinstance(damaged.value, Unreachable)
    assert KEY not in str(damaged.value)


def test_new_keys_replace_damaged_ones(layout: Layout, config: Config, stand: StripeStandIn) -> None:
    config.payments_file.write_text("{")
    with pytest.raises(gateway_keys.Damaged):
        gateway_keys.provider(config)
    assert run(layout, stand, lines=(KEY, SECRET)).exit_code == 0
    assert gateway_keys.provider(config)


def test_doctor_says_where_payments_go_and_what_is_missing(layout: Layout, config: Config, stand: StripeStandIn) -> None:
    def said() -> list[tuple[bool, str]]:
        return [(finding.well, finding.what) for finding in doctor._payments(layout)]

    assert said() == [(True, "payments are taken at the desk: there are no keys")]
    run(layout, stand, lines=(KEY,))
    assert said() == [(True, f"payments go to {stand.url}, TEST MODE"), (False, "there is a webhook secret for payments")]
    run(layout, stand, lines=(LIVE_KEY, SECRET))
    assert said() == [(True, f"payments go to {stand.url}, live"), (True, "there is a webhook secret for payments")]
    config.payments_file.write_text("{")
    assert said() == [(False, f"The payment keys in {config.payments_file} are damaged: it is not JSON")]


def test_doctor_misses_the_fonts_for_receipts(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    assert [finding.well for finding in doctor._receipts(layout)] == [True]
    monkeypatch.setattr("web.gateways.receipts.BOLD", layout.data / "absent.ttf")
    [finding] = doctor._receipts(layout)
    assert not finding.well and "fonts-dejavu-core" in finding.advice
