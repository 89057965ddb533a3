"""What every app stands on; it knows no app. Each room exports in its `__init__` what others may use."""
