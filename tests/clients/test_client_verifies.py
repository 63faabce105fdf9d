"""Which webhooks the Python client believes: those that the reference library believes, within the tolerance."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import httpx
import pytest
from standardwebhooks import Webhook

from sitrep_client import NotVerified, verify

if TYPE_CHECKING:
    from collections.abc import Mapping

SECRET, OTHER = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = json.dumps({"specversion": "1.0", "id": "e1-000000000001", "data": {"title": "Київ"}}, ensure_ascii=False)
ID = "e1-000000000001"


def signed(*secrets: str, body: str = BODY, at: datetime | None = None) -> dict[str, str]:
    """The headers that the reference library would send."""
    at = at or datetime.now(UTC)
    signatures = [Webhook(secret).sign(ID, at, body) for secret in secrets]
    return {
        "webhook-id": ID,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": " ".join(signatures),
    }


def believed_by_the_library(headers: Mapping[str, str], body: bytes, secret: str) -> bool:
    """What the reference library says."""
    try:
        Webhook(secret).verify(body, dict(headers))
    except Exception:  # noqa: BLE001 (it raises various things on garbage)
        return False
    return True


class TestWebhooks:
    def test_what_the_reference_library_signed_is_believed(self) -> None:
        headers = signed(SECRET)
        assert verify(headers, BODY.encode(), SECRET) == json.loads(BODY)
        assert believed_by_the_library(headers, BODY.encode(), SECRET)

    def test_names_of_headers_have_no_case(self) -> None:
        upper = {name.upper(): value for name, value in signed(SECRET).items()}
        assert verify(upper, BODY.encode(), SECRET)
        assert verify(httpx.Headers(upper), BODY.encode(), SECRET)

    def test_either_secret_will_do_while_they_rotate(self) -> None:
        both = signed(OTHER, SECRET)
        for secret in (SECRET, OTHER, [SECRET], (OTHER, SECRET)):
            assert verify(both, BODY.encode(), secret)
        assert verify(signed(SECRET), BODY.encode(), [OTHER, SECRET])

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"webhook-id": "e1-000000000002"}, "No signature"),
            ({"webhook-id": ""}, "webhook-id is missing"),
            ({"webhook-id": None}, "webhook-id is missing"),
            ({"webhook-id": "\ud800"}, "No signature"),
            ({"webhook-timestamp": None}, "webhook-timestamp is missing"),
            ({"webhook-timestamp": "yesterday"}, "webhook-timestamp is not a number of seconds"),
            ({"webhook-timestamp": "-1"}, "webhook-timestamp is not a number of seconds"),
            ({"webhook-timestamp": "nan"}, "webhook-timestamp is not a number of seconds"),
            ({"webhook-timestamp": "٣"}, "webhook-timestamp is not a number of seconds"),  # a digit, but not of ASCII
            ({"webhook-timestamp": "9" * 5000}, "webhook-timestamp is not a number of seconds"),
            ({"webhook-timestamp": "1"}, "webhook-timestamp is too old"),
            ({"webhook-timestamp": "99999999999"}, "webhook-timestamp is in the future"),
            ({"webhook-signature": None}, "webhook-signature is missing"),
            ({"webhook-signature": " "}, "No signature"),
            ({"webhook-signature": "v1"}, "No signature"),
            ({"webhook-signature": "v1,"}, "No signature"),
            ({"webhook-signature": "v1,*** é ,,, v1,AAAA"}, "No signature"),
        ],
    )
    def test_bad_headers_are_refused_with_a_sentence(self, change: dict[str, str | None], said: str) -> None:
        headers = {name: value for name, value in {**signed(SECRET), **change}.items() if value is not None}
        with pytest.raises(NotVerified, match=said):
            verify(headers, BODY.encode(), SECRET)
        assert not believed_by_the_library(headers, BODY.encode(), SECRET)

    def test_another_version_of_signatures_is_none(self) -> None:
        headers = signed(SECRET)
        headers["webhook-signature"] = headers["webhook-signature"].replace("v1,", "v1a,")
        with pytest.raises(NotVerified):
            verify(headers, BODY.encode(), SECRET)
        assert not believed_by_the_library(headers, BODY.encode(), SECRET)

    @pytest.mark.parametrize("place", [0, 10, -1])
    def test_another_body_is_refused(self, place: int) -> None:
        body = bytearray(BODY.encode())
        body[place] ^= 1
        for other in (bytes(body), BODY.encode() + b" ", b""):
            with pytest.raises(NotVerified, match="No signature"):
                verify(signed(SECRET), other, SECRET)
            assert not believed_by_the_library(signed(SECRET), other, SECRET)

    def test_a_moved_timestamp_is_refused_even_within_the_tolerance(self) -> None:
        headers = signed(SECRET)
        headers["webhook-timestamp"] = str(int(headers["webhook-timestamp"]) - 1)
        with pytest.raises(NotVerified, match="No signature"):
            verify(headers, BODY.encode(), SECRET)
        assert not believed_by_the_library(headers, BODY.encode(), SECRET)

    def test_another_secret_is_refused(self) -> None:
        for secret in (OTHER, [OTHER], []):
            with pytest.raises(NotVerified, match="No signature"):
                verify(signed(SECRET), BODY.encode(), secret)
        assert not believed_by_the_library(signed(SECRET), BODY.encode(), OTHER)

    @pytest.mark.parametrize(
        ("age_s", "tolerance_s", "said"),
        [
            (300, 300, None),
            (-300, 300, None),
            (301, 300, "too old"),
            (-301, 300, "in the future"),
            (11, 10, "too old"),
            (3600, 7200, None),
        ],
    )
    def test_a_timestamp_counts_for_so_long(self, age_s: int, tolerance_s: float, said: str | None) -> None:
        at = datetime(2025, 9, 7, tzinfo=UTC)
        headers, now = signed(SECRET, at=at), at.timestamp() + age_s
        if said is None:
            assert verify(headers, BODY.encode(), SECRET, tolerance_s=tolerance_s, now=now)
        else:
            with pytest.raises(NotVerified, match=said):
                verify(headers, BODY.encode(), SECRET, tolerance_s=tolerance_s, now=now)

    @pytest.mark.parametrize("secret", ["", "whsec_", "whsec_***", "whsec_é", "whsec_A", ["", SECRET]])
    def test_a_secret_that_is_none_is_the_receivers_fault(self, secret: str | list[str]) -> None:
        with pytest.raises(ValueError, match="whsec_") as caught:
            verify(signed(SECRET), BODY.encode(), secret)
        assert not isinstance(caught.value, NotVerified)
