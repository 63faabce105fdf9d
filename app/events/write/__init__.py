"""Changes events: from a request to a list of commands, decided and committed in one transaction."""
