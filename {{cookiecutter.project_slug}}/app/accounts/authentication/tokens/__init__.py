"""Access tokens, tokens in the links of mails, and the keys that sign both."""
