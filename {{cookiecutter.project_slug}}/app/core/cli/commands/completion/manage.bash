_manage_py() {
    local first=0 IFS=$'\n'
    [[ $1 == *python* ]] && first=1
    [[ ${COMP_WORDS[first]} == *manage.py && $COMP_CWORD -gt $first ]] || return
    COMPREPLY=($(env COMP_WORDS="${COMP_WORDS[*]:first}" COMP_CWORD=$((COMP_CWORD - first)) \
        MANAGE_PY_COMPLETE=complete_bash "${COMP_WORDS[@]:0:first+1}" 2>/dev/null))
}
complete -o default -F _manage_py manage.py python python3
