"""The validation of webhook URLs."""

import pytest

from cabinet_htmx.partner.webhooks.messages import URL_ERRORS
from domain.webhooks.urls import InvalidWebhookUrl, UrlProblem, validate_webhook_url


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("https://exa mple.org", UrlProblem.MALFORMED),
        ("javascript:alert(1)", UrlProblem.MALFORMED),
        ("http://example.org/", UrlProblem.NOT_HTTPS),
        ("https://user@example.org/", UrlProblem.FORBIDDEN_PART),
        ("https://10.0.0.1/", UrlProblem.HOST_NOT_PUBLIC),
        ("https://[::1]/", UrlProblem.HOST_NOT_PUBLIC),
        ("https://169.254.169.254/latest", UrlProblem.HOST_NOT_PUBLIC),
        ("https://2130706433/", UrlProblem.AMBIGUOUS_HOST),
        ("https://0x7f.1/", UrlProblem.AMBIGUOUS_HOST),
    ],
)
def test_url_that_events_cannot_be_sent_to_is_rejected_with_its_problem(
    url: str, problem: UrlProblem
) -> None:
    with pytest.raises(InvalidWebhookUrl) as error:
        validate_webhook_url(url, insecure_allowed=False)
    assert error.value.problem is problem
    assert URL_ERRORS[problem]


def test_private_url_is_only_valid_in_the_sandbox_and_a_metadata_service_never() -> None:
    validate_webhook_url("http://127.0.0.1:8000/", insecure_allowed=True)
    with pytest.raises(InvalidWebhookUrl):
        validate_webhook_url("http://169.254.169.254/", insecure_allowed=True)
