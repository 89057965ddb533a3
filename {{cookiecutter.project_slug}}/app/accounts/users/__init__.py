"""Who users are: registration, profile, e-mail address, password, and what administrators do for others."""
