#!/usr/bin/env python
"""The project's command line: `python manage.py --help`."""

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # until all modules are loaded: that makes no garbage, and to look for it takes 0.1 s
    try:
        from app.core.cli import main

        main()
    except ModuleNotFoundError as error:
        if (error.name or "app").partition(".")[0] == "app":
            raise
        sys.exit(f"{error.name} is not installed: run `make run` once, or use .venv/bin/python manage.py instead.")
