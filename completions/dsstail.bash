_dsstail() {
    local candidate word=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    while IFS= read -r candidate; do
        if [[ $candidate == :files ]]; then
            compopt -o default 2>/dev/null
        else
            candidate=${candidate%%$'\t'*}
            [[ $word == [\'\"]* || $candidate != *[^[:alnum:],=_-]* ]] ||
                printf -v candidate %q "$candidate"
            COMPREPLY+=("$candidate")
        fi
    done < <(_DSSTAIL_COMPLETE=bash _DSSTAIL_LINE=${COMP_LINE:0:COMP_POINT} "$1" 2>/dev/null)
}
complete -F _dsstail dsstail
