"""How many faults in the security modules the project's own suite notices: https://mutmut.readthedocs.io makes them.

    python -m bench.mutants [--python PATH] [NAME ...]

It takes about 20 minutes, and needs a system that can fork. PATH is a Python that has mutmut and a project's
requirements-dev.txt; without it one is made. NAME limits the run to some mutants, for example `*.tokens.signing.*`. It
prints every mutant that nothing kills. docs/mutants.md explains those of the last run.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from bench.logins import render_project
from tests.conftest import FOLDER, ROOT, installer

MUTMUT = "mutmut>=3.8,<4"

# For a mutant, only those of the tests below run that call the changed function. It needs the fork server: a second run
# of the suite in the same process would find the settings of the first.
SETTINGS = """
[mutmut]
source_paths=app
process_isolation=forkserver
only_mutate=
    app/accounts/authentication/passwords/*.py
    app/accounts/authentication/tokens/*.py
    app/accounts/authentication/sessions.py
also_copy=
    .env.example
    manage.py
pytest_add_cli_args=
    -p no:cacheprovider
    --tb=no
pytest_add_cli_args_test_selection=
    tests/accounts/authentication/passwords
    tests/accounts/authentication/tokens
    tests/accounts/authentication/test_sessions.py
    tests/accounts/authentication/test_session_table.py
    tests/accounts/authentication/test_tutorial_traps.py
    tests/accounts/users/test_password_reset.py
    tests/accounts/users/test_email_verification.py
"""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--python", type=Path, help="a Python that has a project's requirements and mutmut")
    parser.add_argument("names", nargs="*", help="only these mutants")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        python = (arguments.python or environment(Path(name) / "venv")).absolute()
        project = render_project(Path(name))
        (project / "setup.cfg").write_text(SETTINGS, encoding="utf-8")
        run = [python, "-m", "mutmut", "run", *arguments.names]
        done = subprocess.run(run, check=False, cwd=project, stdout=subprocess.PIPE, encoding="utf-8")
        if done.returncode:
            sys.exit(done.stdout[-2000:])
        results = [python, "-m", "mutmut", "results", "--all", "true"]
        listed = subprocess.run(results, check=True, cwd=project, stdout=subprocess.PIPE, encoding="utf-8").stdout
    outcomes = dict(re.findall(r"^ *(\S+): (.+)$", listed, re.MULTILINE))
    print(*(f"{mutant}: {outcome}" for mutant, outcome in outcomes.items() if outcome != "killed"), sep="\n")
    print(*(f"{number} {outcome}" for outcome, number in Counter(outcomes.values()).most_common()), sep=", ")
    return 0


def environment(folder: Path) -> Path:
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    subprocess.run([*installer(python), "-r", ROOT / FOLDER / "requirements-dev.txt", MUTMUT], check=True)
    return python


if __name__ == "__main__":
    sys.exit(main())
