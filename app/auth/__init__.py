"""Who may do what: keys and their scopes, limits by time, and the audit trail."""

from app.auth.audit import Actor, Audit, record
from app.auth.authentication import Access, AdminKey, MeKey, Needs, ReadKey, SubscribeKey, WriteKey, address_of
from app.auth.keys import create_key, first_admin_key, list_keys, remake_key, revoke_key
from app.auth.rate_limit import QuotaHeaders
from app.auth.tables import ANONYMOUS, SCOPES, ApiKey, Key, Scope, StoredKey

__all__ = [
    "ANONYMOUS",
    "SCOPES",
    "Access",
    "Actor",
    "AdminKey",
    "ApiKey",
    "Audit",
    "Key",
    "MeKey",
    "Needs",
    "QuotaHeaders",
    "ReadKey",
    "Scope",
    "StoredKey",
    "SubscribeKey",
    "WriteKey",
    "address_of",
    "create_key",
    "first_admin_key",
    "list_keys",
    "record",
    "remake_key",
    "revoke_key",
]
