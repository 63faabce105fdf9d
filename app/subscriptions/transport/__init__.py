"""Sends webhook requests: guarded addresses, signatures, secrets and HTTP connections."""
