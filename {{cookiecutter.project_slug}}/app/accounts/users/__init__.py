"""Users: registration, profile, e-mail address, password, and administration."""
