"""`dsstail completion`: the scripts that make shells ask `complete` what TAB offers.

The line goes through the environment: it may hold a key, and arguments are for everyone to see.
"""

from __future__ import annotations

from typing import Annotated

import typer

from dsstail.cli.commands import command
from dsstail.cli.console import say
from dsstail.cli.options import among
from dsstail.errors import ConfigurationError

BASH = """\
_dsstail() {
    local candidate word=${COMP_WORDS[COMP_CWORD]}
    COMPREPLY=()
    while IFS= read -r candidate; do
        if [[ $candidate == :files ]]; then
            compopt -o default 2>/dev/null
        else
            candidate=${candidate%%$'\\t'*}
            [[ $word == [\\'\\"]* || $candidate != *[^[:alnum:],=_-]* ]] ||
                printf -v candidate %q "$candidate"
            COMPREPLY+=("$candidate")
        fi
    done < <(_DSSTAIL_COMPLETE=bash _DSSTAIL_LINE=${COMP_LINE:0:COMP_POINT} "$1" 2>/dev/null)
}
complete -F _dsstail dsstail"""

ZSH = """\
#compdef dsstail
_dsstail() {
    local candidate
    local -a candidates
    for candidate in ${(f)"$(
        _DSSTAIL_COMPLETE=zsh _DSSTAIL_LINE="${(j: :)words[1,CURRENT-1]} $PREFIX" \\
            $~words[1] 2>/dev/null
    )"}; do
        if [[ $candidate == :files ]]; then
            compset -P '--*='
            _files
            return
        fi
        candidate=${candidate//:/\\\\:}
        candidates+=(${candidate/$'\\t'/:})
    done
    _describe dsstail candidates
}
if [[ $funcstack[1] == _dsstail ]]; then
    _dsstail "$@"
else
    compdef _dsstail dsstail
fi"""

FISH = """\
function __dsstail_complete
    set -l command (commandline -opc)[1]
    set -g __dsstail_candidates (
        _DSSTAIL_COMPLETE=fish _DSSTAIL_LINE=(commandline -cp | string collect) $command 2>/dev/null
    )
    test "$__dsstail_candidates" != :files
end
complete -c dsstail -f -n __dsstail_complete -a '$__dsstail_candidates'"""

POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName dsstail -ScriptBlock {
    param($wordToComplete, $commandAst, $cursorPosition)
    $length = $cursorPosition - $commandAst.Extent.StartOffset
    $env:_DSSTAIL_COMPLETE = 'powershell'
    $env:_DSSTAIL_LINE = $commandAst.ToString().PadRight($length).Substring(0, $length)
    $candidates = @(dsstail 2>$null)
    Remove-Item Env:_DSSTAIL_COMPLETE, Env:_DSSTAIL_LINE
    if ($candidates -contains ':files') { return }
    if (-not $candidates) { return '' }
    $candidates | ForEach-Object {
        $value, $explanation = $_ -split "`t", 2
        if (-not $explanation) { $explanation = $value }
        [System.Management.Automation.CompletionResult]::new(
            $value, $value, 'ParameterValue', $explanation)
    }
}"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH, "powershell": POWERSHELL}


@command
def completion(
    shell: Annotated[
        str,
        typer.Argument(
            metavar="SHELL",
            autocompletion=among(*SCRIPTS),
            help="bash, zsh, fish or powershell",
        ),
    ],
) -> int:
    """
    Put it where your shell looks for it:
      bash        eval "$(dsstail completion bash)" in ~/.bashrc
      zsh         eval "$(dsstail completion zsh)" in ~/.zshrc, after compinit
      fish        dsstail completion fish > ~/.config/fish/completions/dsstail.fish
      PowerShell  dsstail completion powershell | Out-String | Invoke-Expression
                  in $PROFILE
    """
    if shell not in SCRIPTS:
        raise ConfigurationError(f'no completion for "{shell}". Shells: {", ".join(SCRIPTS)}.')
    say(SCRIPTS[shell])
    return 0
