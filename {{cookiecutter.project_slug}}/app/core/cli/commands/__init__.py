"""The project's own commands. Each module has an instance `cli` of Typer."""
