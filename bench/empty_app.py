"""The least that a Typer application can be."""

import typer

app = typer.Typer()


@app.command()
def main() -> None:
    pass


app()
