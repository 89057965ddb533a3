"""The project's root folder, and its data from `pyproject.toml`."""

import tomllib
from pathlib import Path

BASE_DIR = Path(__file__).resolve().parents[3]


_PYPROJECT = tomllib.loads((BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT = _PYPROJECT["project"]
TITLE: str = _PYPROJECT["tool"]["app"]["title"]
