"""Newman runs a collection of Postman. `package-lock.json` pins it, and npm installs it for a test."""

import json
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.kit.servers import clean_environment, fail_in_ci_else_skip

PINS = ("package.json", "package-lock.json")
INSTALL = ("ci", "--ignore-scripts", "--no-audit", "--no-fund")


@dataclass(frozen=True)
class Newman:
    folder: Path

    def run(self, collection: Path, variables: Mapping[str, str]) -> dict[str, Any]:
        """Return the report. What failed is in `run.failures`."""
        report = self.folder / "report.json"
        program = self.folder / "node_modules" / "newman" / "bin" / "newman.js"
        options: list[str | Path] = ["--reporters", "json", "--reporter-json-export", report]
        given = [word for name, value in variables.items() for word in ("--global-var", f"{name}={value}")]
        command: list[str | Path] = ["node", program, "run", collection, *options, *given]
        subprocess.run(command, check=False, env=clean_environment(), capture_output=True, timeout=300)
        found: dict[str, Any] = json.loads(report.read_text(encoding="utf-8"))
        return found


def newman_or_skip(folder: Path) -> Newman:
    """For fixtures: without npm, or without its registry, their tests are skipped. In CI they fail."""
    for name in PINS:
        shutil.copy(Path(__file__).parent / name, folder)
    npm = shutil.which("npm")
    if npm is None:
        fail_in_ci_else_skip(FileNotFoundError("npm is not installed"))
    done = subprocess.run([npm, *INSTALL], check=False, cwd=folder, capture_output=True, encoding="utf-8")
    if done.returncode != 0:
        fail_in_ci_else_skip(OSError(f"npm could not install newman: {done.stderr}"))
    return Newman(folder)
