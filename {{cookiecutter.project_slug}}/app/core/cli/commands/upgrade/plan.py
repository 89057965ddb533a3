"""Prepares a three-way merge: the template as it was, as it is now, and the project as its owner has made it."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PurePosixPath

from app.core.cli.commands.upgrade.git import files, git, prefix, run, split
from app.core.cli.errors import CommandError

MIGRATION = re.compile(r"app/(core/)?(?!core/|migrations/)\w+/migrations/.+")
# If the template renames a folder, the owner's own files in it stay where they are.
NO_GUESSES = ("-c", "merge.directoryRenames=false")


class Kind(StrEnum):
    """What happens to a file."""

    TAKEN = "taken over"
    NEW = "new"
    REMOVED = "removed"
    MERGED = "merged"
    KEPT = "kept as yours"
    DELETED = "deleted by you"
    MISSED = "deleted by you, changed by the template"
    MIGRATION = "changed migration, may have run"
    CONFLICT = "conflict"


@dataclass(frozen=True)
class Plan:
    kinds: dict[str, Kind]
    """By path, without the files that nobody has changed."""
    commit: str
    """The new version. Its parent is the old one. Neither has what the owner has deleted."""

    @property
    def brings_migrations(self) -> bool:
        return any(MIGRATION.fullmatch(path) for path in self.of(Kind.NEW, Kind.MIGRATION))

    def rows(self) -> list[tuple[Kind, str]]:
        """Return what happens to each file. Files that need the owner come last."""
        return [(kind, path) for kind in Kind for path in sorted(self.of(kind))]

    def of(self, *kinds: Kind) -> list[str]:
        return [path for path, kind in self.kinds.items() if kind in kinds]


@dataclass(frozen=True)
class Files:
    """The id of each file, by path: as the template had it, as it has it now, and as the owner has it."""

    old: dict[str, str]
    new: dict[str, str]
    ours: dict[str, str]
    renamed: dict[str, str]
    """The template's earlier name of a file, by its new name."""

    def dropped(self) -> set[str]:
        """Return what the owner has deleted, also under a new name, and what is new in a folder that they deleted."""
        deleted = self.old.keys() - self.ours.keys()
        folders = _folders(self.old) - _folders(self.ours)
        added = {
            path
            for path in self.new.keys() - self.old.keys() - self.ours.keys()
            if self.renamed.get(path) in deleted or folders & _folders([path])
        }
        return deleted | added

    def kind(self, path: str) -> Kind | None:
        """Tell what a merge without a conflict does with a file. None: it stays as it is."""
        old, new, ours = (files.get(path) for files in (self.old, self.new, self.ours))
        source = self.renamed.get(path, path)
        if old == new:
            return Kind.KEPT if ours != old else None
        if ours == new:
            return None
        if old and MIGRATION.fullmatch(path):
            return Kind.MIGRATION
        if new is None:
            return Kind.REMOVED
        if self.ours.get(source) != self.old.get(source):
            return Kind.MERGED
        return Kind.TAKEN if old else Kind.NEW

    def in_the_way(self, root: Path, dropped: set[str]) -> list[str]:
        """Return files that git does not know and would overwrite: a merge overwrites ignored files, too."""
        coming = self.new.keys() - self.ours.keys() - dropped
        unknown = (coming | _folders(coming)) - self.ours.keys() - _folders(self.ours)
        found = [path for path in sorted(unknown) if os.path.lexists(root / path)]
        return [path for path in found if path in coming or not (root / path).is_dir()]

    def taken_names(self) -> list[str]:
        """Return the new apps of the template whose names the owner has taken."""
        return sorted((_apps(self.new) - _apps(self.old)) & _apps(self.ours))


def make_plan(root: Path, old: Path, new: Path, message: str) -> Plan:
    """Compare HEAD with two folders, which have renders where the repository has the project.

    git stores both as commits that nothing refers to yet. Raises CommandError if the new version brings an app whose
    name is taken, or a file whose place is.
    """
    before, after = _store(root, old), _store(root, new)
    renamed = _renamed(root, before, after)
    found = Files(files(root, before), files(root, after), files(root, "HEAD"), renamed)
    for name in found.taken_names():
        raise CommandError(
            f"The new version brings an app {name!r}, and you have one: rename yours first. Move app/{name} and "
            f"tests/{name}, and change the imports. Its tables and their rows stay."
        )
    dropped = found.dropped()
    for path in found.in_the_way(root, dropped):
        raise CommandError(f"The new version brings {path}, and you have one that is not committed: move it first.")
    project = prefix(root)
    for path in dropped:
        for folder in (old, new):
            (folder / project / path).unlink(missing_ok=True)
    parent = git(root, "commit-tree", _store(root, old), "-m", "The template before").strip()
    commit = git(root, "commit-tree", _store(root, new), "-p", parent, "-m", message).strip()
    conflicts = _conflicts(root, parent, commit)
    kinds: dict[str, Kind] = {}
    for path in sorted(found.old.keys() | found.new.keys() | conflicts):
        if path in conflicts:
            kinds[path] = Kind.CONFLICT
        elif path in dropped:
            changed = path in found.old and path in found.new and found.old[path] != found.new[path]
            kinds[path] = Kind.MISSED if changed else Kind.DELETED
        elif kind := found.kind(path):
            kinds[path] = kind
    return Plan(kinds, commit)


def _store(root: Path, folder: Path) -> str:
    """Write the files of the folder into the repository, and return the id of the tree."""
    repository = ("--git-dir", git(root, "rev-parse", "--absolute-git-dir").strip(), "--work-tree", str(folder))
    index = str(folder.with_suffix(".index"))
    git(folder, *repository, "-c", "core.autocrlf=false", "add", "--all", "--force", ".", GIT_INDEX_FILE=index)
    return git(folder, *repository, "write-tree", GIT_INDEX_FILE=index).strip()


def _renamed(root: Path, old: str, new: str) -> dict[str, str]:
    options = ("--relative", "--name-status", "--diff-filter=R", "-M", "--no-rename-empty", "-z")
    output = git(root, "diff", *options, old, new)
    entries = split(output)  # for each: its likeness, the old path, the new path
    return dict(zip(entries[2::3], entries[1::3], strict=True))


def _conflicts(root: Path, parent: str, commit: str) -> set[str]:
    """Let git merge without touching a file. Return the paths where it needs the owner."""
    ours = git(root, "commit-tree", "HEAD^{tree}", "-p", parent, "-m", "The project").strip()
    options = ("--write-tree", "--name-only", "--no-messages", "-z")
    done = run(root, *NO_GUESSES, "merge-tree", *options, ours, commit)
    if done.returncode not in (0, 1):
        raise CommandError("This git cannot merge without touching files: `upgrade` needs git 2.38 or newer.")
    _, *names = split(done.stdout)
    project = prefix(root)
    return {name.removeprefix(project) for name in names if name}


def _folders(paths: Iterable[str]) -> set[str]:
    return {str(folder) for path in paths for folder in PurePosixPath(path).parents[:-1]}


def _apps(paths: Iterable[str]) -> set[str]:
    return {path.split("/")[1] for path in paths if path.startswith("app/") and path.count("/") > 1}
