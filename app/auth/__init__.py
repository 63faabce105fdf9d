"""Who may do what: keys, scopes, limits and the audit trail."""
