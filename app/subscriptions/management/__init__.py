"""Creates, lists, changes and deletes subscriptions, and shows what was delivered."""
