"""Encrypts webhook secrets for storing, with a key from the settings or from a file beside the SQLite database."""

from __future__ import annotations

import base64
import os
import secrets
from contextlib import suppress
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from app.errors import Unavailable
from app.settings import SQLITE, Settings, SettingsError

MIN_KEY_LENGTH = 16
PURPOSE = b"sitrep webhook secrets"
ABSENT = "Webhook secrets cannot be kept: set SITREP_SECRET_KEY or SITREP_SECRET_KEY_FILE."


class SecretCipher:
    """Seals and opens secrets; the key is read, or made beside a SQLite file, when it is first needed."""

    def __init__(self, settings: Settings) -> None:
        """Raises SettingsError when the settings name a file with no key in it."""
        self._text = read_secret_key(settings)
        url = settings.database_url
        self._beside = Path(url.removeprefix(SQLITE) + ".key") if url.startswith(SQLITE) else None
        self._fernet: Fernet | None = None

    def seal(self, text: str) -> bytes:
        """The text, encrypted and authenticated; Unavailable (503) where there is no key."""
        return self._lock().encrypt(text.encode())

    def open(self, sealed: bytes) -> str:
        """The text again; Unavailable when it was sealed with another key."""
        try:
            return self._lock().decrypt(sealed).decode()
        except InvalidToken:
            raise Unavailable("A stored secret was sealed with another SITREP_SECRET_KEY.") from None

    def _lock(self) -> Fernet:
        if self._fernet is None:
            self._fernet = Fernet(derive_key(self._key()))
        return self._fernet

    def _key(self) -> str:
        if self._text is not None:
            return self._text
        if self._beside is None:
            raise Unavailable(ABSENT)
        try:
            return key_beside(self._beside)
        except (OSError, UnicodeDecodeError) as error:
            raise Unavailable("The key for webhook secrets beside the database cannot be read or made.") from error


def derive_key(text: str) -> bytes:
    """A key for Fernet from a key of any length (RFC 5869)."""
    made = HKDF(hashes.SHA256(), length=32, salt=None, info=PURPOSE).derive(text.encode())
    return base64.urlsafe_b64encode(made)


def read_secret_key(settings: Settings) -> str | None:
    """The key of the settings, if they have one."""
    if settings.secret_key is not None:
        return settings.secret_key.get_secret_value()
    if settings.secret_key_file is None:
        return None
    try:
        text = settings.secret_key_file.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise SettingsError("SITREP_SECRET_KEY_FILE: the file cannot be read.") from None
    if len(text) < MIN_KEY_LENGTH:
        raise SettingsError(f"SITREP_SECRET_KEY_FILE: the key in it needs at least {MIN_KEY_LENGTH} characters.")
    return text


def key_beside(path: Path) -> str:
    """The key in that file, made for its owner's eyes only if it is not there; of several makers one wins."""
    if not path.exists():
        make_key(path)
    text = path.read_text(encoding="utf-8").strip()
    if len(text) < MIN_KEY_LENGTH:
        raise OSError("There is no key in the file.")
    return text


def make_key(path: Path) -> None:
    """Put a new key there, unless another maker was faster; what was begun and could not be finished is removed."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(secrets.token_urlsafe(32) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(draft, path)
        keep_name(path)
    finally:
        draft.unlink(missing_ok=True)


def keep_name(path: Path) -> None:
    """Let the name of a new file outlast a power cut, as what is in it does."""
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
