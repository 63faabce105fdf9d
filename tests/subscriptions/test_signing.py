"""Signatures as the library of Standard Webhooks makes and checks them."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from app.subscriptions.transport.signing import key_in, new_secret, prepare_message, sign

KEYS = st.binary(min_size=24, max_size=64)
NAMES = st.from_regex(r"\A(e[1-9]-[0-9]{12}|ping-[0-9a-f-]{36})\Z")


def secret_of(key: bytes) -> str:
    return "whsec_" + base64.b64encode(key).decode()


@given(KEYS, NAMES, st.integers(0, 2**33), st.text(st.characters(exclude_categories=["Cs"])))
def test_a_signature_is_the_one_of_the_library(key: bytes, name: str, at: int, body: str) -> None:
    theirs = Webhook(secret_of(key)).sign(name, datetime.fromtimestamp(at, UTC), body)
    assert sign(map(prepare_message, [key]), name, at, body.encode()) == theirs


def headers(keys: list[bytes], body: bytes, at: int | None = None) -> dict[str, str]:
    sent = int(time.time()) if at is None else at
    return {
        "webhook-id": "e1-000000000001",
        "webhook-timestamp": str(sent),
        "webhook-signature": sign(map(prepare_message, keys), "e1-000000000001", sent, body),
    }


def test_each_secret_of_two_verifies_and_no_third() -> None:
    new, old, other = new_secret(), new_secret(), new_secret()
    body = '{"title":"Ж"}'.encode()
    sent = headers([key_in(new), key_in(old)], body)
    assert sent["webhook-signature"].count("v1,") == 2
    for secret in (new, old):
        assert Webhook(secret).verify(body, sent) == {"title": "Ж"}
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(body, sent)


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
def test_what_is_signed_cannot_be_altered(name: str) -> None:
    secret, body = new_secret(), b"{}"
    sent = headers([key_in(secret)], body)
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(b"{} ", sent)
    altered = str(int(sent[name]) + 1) if name == "webhook-timestamp" else "e1-000000000002"
    with pytest.raises(WebhookVerificationError):
        Webhook(secret).verify(body, {**sent, name: altered})


def test_the_new_secret_signs_first() -> None:
    first, second = (
        sign(map(prepare_message, [b"new"]), "a", 1, b"x"),
        sign(map(prepare_message, [b"old"]), "a", 1, b"x"),
    )
    assert sign(map(prepare_message, [b"new", b"old"]), "a", 1, b"x") == f"{first} {second}"


def test_secrets_are_256_random_bits_in_standard_base64() -> None:
    secrets = {new_secret() for _ in range(200)}
    assert len(secrets) == 200
    assert all(secret.startswith("whsec_") for secret in secrets)
    assert {len(base64.b64decode(secret.removeprefix("whsec_"), validate=True)) for secret in secrets} == {32}
    assert all(key_in(secret_of(key)) == key for key in (b"\xff" * 32, b"\x00" * 32))
