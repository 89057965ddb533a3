"""For operators: system checks, health, where settings come from."""

from app.core.ops import project_checks  # noqa: F401 (the import registers its checks)
from app.core.ops.checks import Check, Level, Problem, check, run_checks
from app.core.ops.health import router as health_router
from app.core.ops.settings_report import misspelt, origins, shown

__all__ = [
    "Check",
    "Level",
    "Problem",
    "check",
    "health_router",
    "misspelt",
    "origins",
    "run_checks",
    "shown",
]
