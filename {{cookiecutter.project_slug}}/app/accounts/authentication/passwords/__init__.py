"""What a password must be, how it is hashed, and how it is checked."""
