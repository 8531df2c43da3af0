function __dsstail_complete
    set -l command (commandline -opc)[1]
    set -g __dsstail_candidates (
        _DSSTAIL_COMPLETE=fish _DSSTAIL_LINE=(commandline -cp | string collect) $command 2>/dev/null
    )
    test "$__dsstail_candidates" != :files
end
complete -c dsstail -f -n __dsstail_complete -a '$__dsstail_candidates'
