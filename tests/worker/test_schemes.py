"""The verifications that every worker knows."""

import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from resolute import bearer_token, secret, unverified
from resolute import hmac_sha256 as signed
from resolute.plan.errors import ConfigurationError
from resolute.plan.provider import ACCEPTED, Provider, Verdict
from resolute.plan.verification import Verification
from resolute_pagerduty import PagerDuty, PagerDutyConfig
from resolute_worker.serving.schemes import verifiers_of

SECRETS = ["the old secret", "the new secret"]
SIGNED = signed(secret("OLD"), secret("NEW"), header="X-Hub-Signature-256", prefix="sha256=")


def outcome(verification: Verification, headers: dict[str, str], body: bytes = b"{}") -> str:
    settings: dict[str, Any] = verification.model_dump(mode="json")
    return verifiers_of([])[verification.scheme](settings, headers, body, SECRETS).outcome


def signature(body: bytes, key: str) -> str:
    return "sha256=" + hmac.new(key.encode(), body, hashlib.sha256).hexdigest()


@given(st.binary(max_size=200), st.sampled_from(SECRETS))
def test_a_signature_of_any_body_with_any_of_the_secrets_is_taken(body: bytes, key: str) -> None:
    """While a secret is being replaced, signatures of both are good."""
    assert "accepted" == outcome(SIGNED, {"x-hub-signature-256": signature(body, key)}, body)


@given(st.binary(max_size=50), st.binary(max_size=50))
def test_a_signature_is_good_for_one_body(body: bytes, other: bytes) -> None:
    """A signature of other bytes is refused."""
    expected = "accepted" if body == other else "refused"

    assert expected == outcome(SIGNED, {"x-hub-signature-256": signature(other, SECRETS[0])}, body)


@given(st.text(max_size=100))
def test_whatever_stands_in_the_header_is_refused(header: str) -> None:
    """Garbage is refused, and raises nothing."""
    assert "refused" == outcome(SIGNED, {"x-hub-signature-256": header})
    assert "refused" == outcome(bearer_token(secret("OLD")), {"authorization": header})


def test_a_bearer_token_is_one_of_the_secrets() -> None:
    """The scheme's name is compared without regard to case, the token as it is."""
    token = bearer_token(secret("OLD"), secret("NEW"))

    assert "accepted" == outcome(token, {"authorization": "bearer the new secret"})
    assert "refused" == outcome(token, {"authorization": "Bearer The new secret"})
    assert "refused" == outcome(token, {})


def test_unverified_takes_everything() -> None:
    """It says so by its name."""
    assert "accepted" == outcome(unverified(), {})


def test_providers_add_their_schemes() -> None:
    """A worker knows the schemes of its providers."""
    assert "pagerduty" in verifiers_of([PagerDuty(PagerDutyConfig())])


def accept_everything(*_: object) -> Verdict:
    return ACCEPTED


def test_a_scheme_has_one_meaning() -> None:
    """Two providers that call different verifications the same are refused."""

    class Other(Provider):
        name = "other"

        @classmethod
        def nodes(cls) -> list[Any]:
            return []

        @classmethod
        def verifications(cls) -> dict[str, Any]:
            return {"pagerduty": accept_everything}

    with pytest.raises(ConfigurationError, match="'pagerduty' is known twice"):
        verifiers_of([PagerDuty(PagerDutyConfig()), Other()])
