#!/usr/bin/env python
"""The project's command line: `python manage.py --help`."""

import gc
import sys

if __name__ == "__main__":
    gc.disable()  # loading modules makes no garbage, but Python would look for it again and again
    try:
        from app.core.cli import main

        gc.freeze()  # never look at the loaded modules, not even at the end
        gc.enable()
        main()
    except ModuleNotFoundError as error:
        if (error.name or "app").partition(".")[0] == "app":
            raise
        sys.exit(f"{error.name} is not installed: run `make run` once, or use .venv/bin/python manage.py instead.")
