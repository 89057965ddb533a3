"""Who may use the site: login, permissions, and the first checks of each request."""
