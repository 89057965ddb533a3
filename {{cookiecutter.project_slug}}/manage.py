#!/usr/bin/env python
"""The project's command line: `python manage.py --help`."""

import sys

if __name__ == "__main__":
    try:
        from app.core.cli import main

        main()
    except ModuleNotFoundError as error:
        if (error.name or "app").partition(".")[0] == "app":
            raise
        sys.exit(f"{error.name} is not installed: run `make run` once, or use .venv/bin/python manage.py instead.")
