"""Members of a club. Their front end is older than this service."""
