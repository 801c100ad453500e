"""The operator's command in this process, which is quicker than one of its own."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from typer.testing import CliRunner, Result

from gateway.cli import main


def invoke(*arguments: str, data_dir: Path, **environment: str) -> Result:
    return CliRunner().invoke(
        main,
        list(arguments),
        env={"SWAPGATE_DATA_DIR": str(data_dir), "COLUMNS": "", **environment},
    )


def invoke_in_thread(*arguments: str, data_dir: Path) -> Result:
    """Run a command where an event loop may occupy this thread."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(invoke, *arguments, data_dir=data_dir).result()
