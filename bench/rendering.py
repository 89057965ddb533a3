"""Measures the time for rendering, compared with an empty template.

    python bench/rendering.py [ROUNDS]

Each time is for a whole process, as a user waits for it. The two templates take turns, so that other work of the
machine disturbs both alike. The exit status is 1 if the ratio is above the limit.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 2.2
# Without compiled modules, Python would compile cookiecutter most of the time.
COMPILING = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
NO_PART = shutil.ignore_patterns("__pycache__", ".*_cache", ".git", ".venv", ".env", "db.sqlite3*")


def make_empty_template(folder: Path) -> Path:
    (folder / "{{cookiecutter.project_slug}}").mkdir(parents=True)
    (folder / "cookiecutter.json").write_text(json.dumps({"project_slug": "my-service"}))
    return folder


def seconds_to_render(template: Path, folder: Path) -> float:
    config = folder / "config.yaml"
    config.write_text(json.dumps({"replay_dir": str(folder), "cookiecutters_dir": str(folder)}))
    output = folder / "output"
    shutil.rmtree(output, ignore_errors=True)
    command = [sys.executable, "-m", "cookiecutter", str(template), "--no-input"]
    command += ["--config-file", str(config), "--output-dir", str(output)]
    start = time.perf_counter()
    subprocess.run(command, check=True, env=COMPILING, stdout=subprocess.DEVNULL)
    return time.perf_counter() - start


def measure(folder: Path, rounds: int) -> dict[str, list[float]]:
    """Return the times for each template, without the first round, which compiles."""
    templates = {
        "an empty template": make_empty_template(folder / "empty"),
        "this template": shutil.copytree(ROOT, folder / "this", ignore=NO_PART),
    }
    times: dict[str, list[float]] = {name: [] for name in templates}
    for _ in range(rounds + 1):
        for name, template in templates.items():
            times[name].append(seconds_to_render(template, folder))
    return {name: values[1:] for name, values in times.items()}


def main() -> int:
    rounds = int(sys.argv[1]) if sys.argv[1:] else 15
    with tempfile.TemporaryDirectory() as folder:
        times = measure(Path(folder), rounds)
    print(f"{'':20}{'median':>10}{'fastest':>10}   ({rounds} rounds)")
    for name, values in times.items():
        print(f"{name:20}{median(values) * 1000:>7.0f} ms{min(values) * 1000:>7.0f} ms")
    empty, this = (median(values) for values in times.values())
    print(f"{'ratio':20}{this / empty:>10.2f}             (limit {LIMIT})")
    return int(this / empty > LIMIT)


if __name__ == "__main__":
    sys.exit(main())
