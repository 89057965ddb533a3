"""For operators: system checks, health, where settings come from."""

from app.core.ops.checking import Check, Level, Problem, check, run_checks
from app.core.ops.health import Health, Probe, health_of, install_health
from app.core.ops.metrics import counted, forget_process, install_metrics
from app.core.ops.settings_report import misspelt, origins, shown

__all__ = [
    "Check",
    "Health",
    "Level",
    "Probe",
    "Problem",
    "check",
    "counted",
    "forget_process",
    "health_of",
    "install_health",
    "install_metrics",
    "misspelt",
    "origins",
    "run_checks",
    "shown",
]
