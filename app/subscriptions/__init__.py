"""Subscriptions: signed webhooks and server-kept cursors on the one log."""
