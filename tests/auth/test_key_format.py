"""The text of a key can be checked without asking anyone."""

import re
import string
from zlib import crc32

import pytest

from app.auth.key_format import format_key, hash_secret, new_key_id, new_secret, parse_key

ID, SECRET = "abcdefgh27", "a2" * 26
TEXT = format_key(ID, SECRET)


def test_a_key_reads_back_as_its_id_and_secret() -> None:
    assert parse_key(TEXT) == (ID, SECRET)


def test_the_check_is_the_crc32_of_what_stands_before_it() -> None:
    start, _, check = TEXT.rpartition("_")
    assert int(check, 16) == crc32(start.encode())


def test_a_new_key_has_256_random_bits_and_an_id_of_ten_letters() -> None:
    made = {(new_key_id(), new_secret()) for _ in range(100)}
    assert len({key_id for key_id, _ in made}) == len({secret for _, secret in made}) == 100
    assert all(re.fullmatch("[a-z2-7]{10}", key_id) for key_id, _ in made)
    assert all(re.fullmatch("[a-z2-7]{52}", secret) for _, secret in made)
    assert all(parse_key(format_key(*pair)) == pair for pair in made)


def test_every_mistyped_character_is_noticed() -> None:
    for place in range(len(TEXT)):
        for letter in string.ascii_lowercase + string.digits + "_A":
            wrong = TEXT[:place] + letter + TEXT[place + 1 :]
            assert wrong == TEXT or parse_key(wrong) is None


@pytest.mark.parametrize(
    "text",
    ["", "sitrep", TEXT[:-1], TEXT + "\n", " " + TEXT, TEXT.upper(), TEXT.replace("2", "٢"), TEXT + "0", "x" * 100_000],
)
def test_what_is_not_a_key_is_not_read(text: str) -> None:
    assert parse_key(text) is None


def test_only_a_digest_is_kept() -> None:
    assert len(hash_secret(SECRET)) == 32
    assert hash_secret(SECRET) != hash_secret(SECRET[:-1] + "b")
