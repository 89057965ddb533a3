"""Brings the project to a newer version of the template, with a three-way merge of git.

It renders the old and the new version with the recorded answers, and takes out of both what the owner has deleted. The
difference between the two becomes one commit on a branch of its own, as `git cherry-pick` makes it.
"""

from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

from app.core.cli.commands.upgrade.git import cause, git, prefix, run
from app.core.cli.commands.upgrade.plan import NO_GUESSES, Kind, Plan, make_plan
from app.core.cli.commands.upgrade.template import ORIGIN, Origin, Template, Version, published, require_cookiecutter
from app.core.cli.console import print_table
from app.core.cli.errors import CommandError
from app.core.settings import BASE_DIR

cli = typer.Typer()

STATUS = ("status", "--porcelain", "--untracked-files=normal")
PINS = ("pyproject.toml", "requirements.txt", "requirements-dev.txt")


@cli.command(rich_help_panel="Project")
def upgrade(
    to: Annotated[str | None, typer.Option(metavar="VERSION", help="The version; without it, the newest.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would happen to each file.")] = False,
) -> None:
    """Bring the project to a newer version of the template, on a branch of its own. Conflicts are those of git.

    `.env` is never touched, nothing that you deleted comes back, and no migration runs.
    """
    require_cookiecutter()
    origin = Origin.read(BASE_DIR)
    started_on = _branch(BASE_DIR)
    target = _choose(origin.version, published(BASE_DIR, origin), to)
    if target is None:
        print(f"The project has {origin.version}{' already' if to else ', the newest version of the template'}.")
        return
    branch = f"upgrade-{target}"
    if run(BASE_DIR, "rev-parse", "--quiet", "--verify", f"refs/heads/{branch}").returncode == 0:
        if branch == started_on:
            raise CommandError(f"You are on {branch}, the branch of the upgrade: go to another with `git switch`.")
        raise CommandError(f"There is a branch {branch} already: merge it, or delete it with `git branch -D {branch}`.")
    with TemporaryDirectory() as folder:
        template = Template.fetch(BASE_DIR, origin, Path(folder, "template"))
        plan = _plan(template, origin, target, Path(folder))
        news = template.news(origin.version, target)
    print_table(("What happens", "File"), plan.rows(), unbroken=("What happens",))
    print("", *news, "", sep="\n")
    if dry_run:
        print(f"Nothing has changed. The upgrade will be one commit on a new branch {branch}. To undo it later:")
    else:
        _apply(plan, branch, started_on)
        print(*_next_steps(plan, branch, started_on), "To undo the upgrade:", sep="\n")
    print(*_undoing(plan, branch, started_on), sep="\n")


def _branch(root: Path) -> str:
    """Return the branch to go back to. Raises CommandError unless everything is committed."""
    found = run(root, "rev-parse", "--git-dir")
    if "safe.directory" in found.stderr:
        command = found.stderr.splitlines()[-1].strip()
        raise CommandError(f"The project's folder belongs to somebody else, so git refuses. To allow it: `{command}`.")
    if found.returncode != 0:
        raise CommandError("The project is not in a git repository: run `git init`, `git add --all` and `git commit`.")
    if run(root, "cat-file", "-e", f"HEAD:./{ORIGIN}").returncode != 0:
        raise CommandError(f"The last commit has no {ORIGIN}: commit the project first.")
    if run(root, "rev-parse", "--quiet", "--verify", "CHERRY_PICK_HEAD").returncode == 0:
        raise CommandError("A cherry-pick is not finished: end it with `git cherry-pick --continue` or `--abort`.")
    if git(root, *STATUS, "--", ".env").startswith("?? "):
        raise CommandError("git does not ignore .env, which has secrets: add a line `.env` to .gitignore.")
    if changed := git(root, *STATUS):
        example = changed.splitlines()[0][3:]
        raise CommandError(
            f"Not everything is committed, for example {example}: commit it, or run `git stash --include-untracked`."
        )
    if run(root, "var", "GIT_COMMITTER_IDENT").returncode != 0:
        raise CommandError("git does not know you: run `git config user.name NAME`, `git config user.email ADDRESS`.")
    if not (branch := git(root, "branch", "--show-current").strip()):
        raise CommandError("No branch is checked out: go to one with `git switch`.")
    return branch


def _choose(current: Version, known: list[Version], asked: str | None) -> Version | None:
    """Return the version to go to, or None if the project has it."""
    if not known:
        raise CommandError(f"The template has no versions: no tag such as v1.2.3. See `template` in {ORIGIN}.")
    target = Version.parse(asked) if asked else max(known)
    if target not in known:
        raise CommandError(f"There is no version {asked}. There are: {', '.join(map(str, known))}.")
    if asked and target < current:
        raise CommandError(f"The project has {current} already. `git revert` can undo an upgrade.")
    return target if target > current else None


def _plan(template: Template, origin: Origin, target: Version, folder: Path) -> Plan:
    old, new = folder / "old", folder / "new"
    place = prefix(BASE_DIR)
    commit = template.commit(target)
    template.render(template.commit_of(origin), origin.answers, old / place)
    template.render(commit, origin.answers, new / place)
    # Nobody edits this file, so the new one replaces it, without a conflict.
    moved_on = origin.moved_on(Origin.read(new / place), commit)
    (new / place / ORIGIN).write_text(moved_on, encoding="utf-8", newline="\n")
    (old / place / ORIGIN).write_text(git(BASE_DIR, "show", f"HEAD:./{ORIGIN}"), encoding="utf-8", newline="\n")
    return make_plan(BASE_DIR, old, new, f"Upgrade the template to {target}")


def _apply(plan: Plan, branch: str, started_on: str) -> None:
    """Make the branch, with the commit. If a hook, a signature or Ctrl-C ends it, all is as before."""
    try:
        git(BASE_DIR, "switch", "--quiet", "--create", branch)
        done = run(BASE_DIR, *NO_GUESSES, "cherry-pick", plan.commit)
        if done.returncode != 0 and not plan.of(Kind.CONFLICT):
            raise CommandError(f"git cannot commit the upgrade, so nothing has changed: {cause(done.stderr)}")
    except (CommandError, KeyboardInterrupt):
        run(BASE_DIR, "cherry-pick", "--abort")
        run(BASE_DIR, "switch", "--quiet", started_on)
        run(BASE_DIR, "branch", "--quiet", "-D", branch)
        raise


def _next_steps(plan: Plan, branch: str, started_on: str) -> Iterator[str]:
    lock = any(path in PINS for path in plan.of(Kind.MERGED, Kind.CONFLICT))
    if plan.of(Kind.CONFLICT):
        yield "Resolve the conflicts, which `git status` lists. `make lock` writes requirements*.txt anew. Then:"
        yield "    git add --all"
        yield "    git cherry-pick --continue"
        yield "Next:"
    else:
        yield "Next:"
        if lock:
            yield "    make lock"
    if plan.brings_migrations:
        yield "    python manage.py migrate"
    yield "    make lint test"
    yield f"    git switch {started_on}"
    yield f"    git merge {branch}"


def _undoing(plan: Plan, branch: str, started_on: str) -> Iterator[str]:
    if plan.of(Kind.CONFLICT):
        yield "    git cherry-pick --abort    # while there are conflicts"
    yield f"    git switch {started_on}"
    yield f"    git branch -D {branch}"
