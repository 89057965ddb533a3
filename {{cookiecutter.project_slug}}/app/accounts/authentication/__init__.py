"""How users prove who they are: passwords, tokens, sessions, and the ways in which a request can carry a proof."""
