"""Rules for passwords, hashing, and checking."""
