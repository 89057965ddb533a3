"""Permissions, and the groups that have them."""
