"""Delivers changes to push subscriptions: workers, leases, queues, retries and results."""
