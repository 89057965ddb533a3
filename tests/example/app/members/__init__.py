"""Members of a club, with a front end that was there before this service."""
