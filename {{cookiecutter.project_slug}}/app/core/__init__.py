"""The base of all apps. It imports no app. Each room exports in its `__init__` what others may use."""
