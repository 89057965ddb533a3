"""The project's own commands, each module with an instance `cli` of Typer."""
