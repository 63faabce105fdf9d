"""Who may do what: keys and their scopes, limits by time, and the audit trail."""

from __future__ import annotations

from app.auth.audit import Actor, AuditRow, record
from app.auth.authentication import (
    AdminKey,
    Authenticator,
    MeKey,
    ReadKey,
    RequireScope,
    SubscribeKey,
    WriteKey,
    client_address,
)
from app.auth.keys import create_key, first_admin_key, list_keys, replace_key, revoke_key
from app.auth.rate_limit import RateLimitHeadersMiddleware
from app.auth.tables import ANONYMOUS, SCOPES, ApiKey, Key, Scope, StoredKey

__all__ = [
    "ANONYMOUS",
    "SCOPES",
    "Actor",
    "AdminKey",
    "ApiKey",
    "AuditRow",
    "Authenticator",
    "Key",
    "MeKey",
    "RateLimitHeadersMiddleware",
    "ReadKey",
    "RequireScope",
    "Scope",
    "StoredKey",
    "SubscribeKey",
    "WriteKey",
    "client_address",
    "create_key",
    "first_admin_key",
    "list_keys",
    "record",
    "replace_key",
    "revoke_key",
]
