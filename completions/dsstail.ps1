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
}
