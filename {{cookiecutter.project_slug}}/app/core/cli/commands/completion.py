"""Completion in shells. Typer's own scripts work only for programs on the PATH, so not for `./manage.py`."""

from enum import StrEnum
from typing import Annotated

import typer

cli = typer.Typer()

# Each script passes the words from `manage.py` on to it. `manage.py` answers as Typer does for bash: one word per line.
BASH = """\
_manage_py() {
    local first=0 IFS=$'\\n'
    [[ $1 == *python* ]] && first=1
    [[ ${COMP_WORDS[first]} == *manage.py && $COMP_CWORD -gt $first ]] || return
    COMPREPLY=($(env COMP_WORDS="${COMP_WORDS[*]:first}" COMP_CWORD=$((COMP_CWORD - first)) \\
        MANAGE_PY_COMPLETE=complete_bash "${COMP_WORDS[@]:0:first+1}" 2>/dev/null))
}
complete -o default -F _manage_py manage.py python python3
"""
ZSH = """\
_manage_py() {
    local first=1
    [[ $words[1] == *python* ]] && first=2
    [[ $words[first] == *manage.py ]] && (( CURRENT > first )) || { _files; return }
    compadd -- ${(f)"$(env COMP_WORDS="$words[first,-1]" COMP_CWORD=$((CURRENT - first)) \\
        MANAGE_PY_COMPLETE=complete_bash $words[1,first] 2>/dev/null)"}
}
compdef _manage_py manage.py python python3
"""
FISH = """\
function __manage_py
    set -l typed (commandline -opc)
    set -l first 1
    string match -q '*python*' $typed[1]; and set first 2
    env COMP_WORDS="$typed[$first..-1] "(commandline -ct) COMP_CWORD=(math (count $typed) + 1 - $first) \\
        MANAGE_PY_COMPLETE=complete_bash $typed[1..$first] 2>/dev/null
end
complete -c manage.py -f -a '(__manage_py)'
complete -c python -c python3 -n 'string match -q "*manage.py" (commandline -opc)[2]' -f -a '(__manage_py)'
"""


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"


SCRIPTS = {Shell.BASH: BASH, Shell.ZSH: ZSH, Shell.FISH: FISH}


@cli.command(rich_help_panel="Project")
def completion(shell: Annotated[Shell, typer.Argument(help="Your shell.")]) -> None:
    """Print a script that makes the Tab key complete commands and options: `source <(./manage.py completion bash)`.

    In zsh, call it after `compinit`. In fish, use `./manage.py completion fish | source`. It works for `./manage.py`
    and `python manage.py`, in the activated environment of the project.
    """
    print(SCRIPTS[shell], end="")
