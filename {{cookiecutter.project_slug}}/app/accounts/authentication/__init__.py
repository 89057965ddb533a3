"""How users prove who they are: passwords, tokens, sessions, and authentication backends."""
