"""How fast it is, beside what a user would pick instead. Here stands who logs in, to all of it."""

USERNAME, PASSWORD = "bench", "correct horse 9"
