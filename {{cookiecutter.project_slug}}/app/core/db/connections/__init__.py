"""How connections to SQLite and PostgreSQL are made, and the sessions on them."""
