"""Comments on articles. Other apps import nothing from here."""
