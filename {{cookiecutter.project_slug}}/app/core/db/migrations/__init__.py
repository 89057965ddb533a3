"""Alembic, driven from code. `histories.py` says which migrations there are, and to whom they belong."""
