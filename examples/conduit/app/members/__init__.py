"""Conduit's registration and login, its tokens, and its form of errors."""
