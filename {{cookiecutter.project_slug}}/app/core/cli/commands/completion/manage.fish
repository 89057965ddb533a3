function __manage_py
    set -l typed (commandline -opc)
    set -l first 1
    string match -q '*python*' $typed[1]; and set first 2
    env COMP_WORDS="$typed[$first..-1] "(commandline -ct) COMP_CWORD=(math (count $typed) + 1 - $first) \
        MANAGE_PY_COMPLETE=complete_bash $typed[1..$first] 2>/dev/null
end
complete -c manage.py -f -a '(__manage_py)'
complete -c python -c python3 -n 'string match -q "*manage.py" (commandline -opc)[2]' -f -a '(__manage_py)'
