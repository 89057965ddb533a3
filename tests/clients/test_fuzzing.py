from pathlib import Path

from bench.fuzzing import fuzz
from tests.kit.services import Service

SECONDS = 12  # `python -m bench.fuzzing` takes longer, and finds more


def test_no_input_is_answered_with_5xx_or_with_what_is_not_documented(plain: Service, tmp_path: Path) -> None:
    for run in fuzz(plain.with_env(DATABASE_URL=f"sqlite:///{tmp_path}/db.sqlite3"), SECONDS):
        assert run.passed, run.report
