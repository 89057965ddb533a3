_manage_py() {
    local first=1
    [[ $words[1] == *python* ]] && first=2
    [[ $words[first] == *manage.py ]] && (( CURRENT > first )) || { _files; return }
    compadd -- ${(f)"$(env COMP_WORDS="$words[first,-1]" COMP_CWORD=$((CURRENT - first)) \
        MANAGE_PY_COMPLETE=complete_bash $words[1,first] 2>/dev/null)"}
}
compdef _manage_py manage.py python python3
