#compdef dsstail
_dsstail() {
    local candidate
    local -a candidates
    for candidate in ${(f)"$(
        _DSSTAIL_COMPLETE=zsh _DSSTAIL_LINE="${(j: :)words[1,CURRENT-1]} $PREFIX" \
            $~words[1] 2>/dev/null
    )"}; do
        if [[ $candidate == :files ]]; then
            compset -P '--*='
            _files
            return
        fi
        candidate=${candidate//:/\\:}
        candidates+=(${candidate/$'\t'/:})
    done
    _describe dsstail candidates
}
if [[ $funcstack[1] == _dsstail ]]; then
    _dsstail "$@"
else
    compdef _dsstail dsstail
fi
