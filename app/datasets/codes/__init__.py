"""Code lists that datasets use and ISO does not keep, and the way from them to ISO codes."""
