"""The password of the users that tests and `manage.py seed` make."""

from app.accounts.authentication.passwords.hashing import get_password_hash

PASSWORD = "correct horse battery staple"
PASSWORD_HASH = get_password_hash(PASSWORD, rounds=4)
