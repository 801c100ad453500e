"""`swapgate valkey`: prepares a Valkey server of the operator's own."""

import typer

from gateway.cli.command import DATA_DIR, AsJson, DataDir, Failure, group
from gateway.cli.output import show
from gateway.settings import SettingsError

app = group("The users of an external Valkey server; `up` prepares the embedded one itself.")


@app.command("acl")
def print_acl(*, data_dir: DataDir = DATA_DIR, as_json: AsJson = False) -> None:
    """Print an ACL file: a user for each process, with its own rights only.

    Their passwords are in valkey-passwords.json (0600) in the data directory; missing ones are
    made.
    """
    from gateway.wiring.operator.valkey_users import acl_lines

    try:
        lines = acl_lines(data_dir)
    except SettingsError as error:
        raise Failure(str(error)) from None
    if as_json:
        show({"lines": lines}, as_json=True)
    else:
        typer.echo("\n".join(lines))
