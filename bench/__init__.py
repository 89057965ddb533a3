"""How fast it is, beside what a user would pick instead, and what takes too long to try in a test.

Here stands who logs in, to all that is timed.
"""

USERNAME, PASSWORD = "bench", "correct horse 9"
