"""Measures the speed of projects and of alternatives, and tests that would take too long for the suite.

This module has the user who logs in for all measurements.
"""

USERNAME, PASSWORD = "bench", "correct horse 9"
