"""Forms: their fields, and what they write."""
