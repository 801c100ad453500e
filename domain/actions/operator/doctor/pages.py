"""Check that the files of the pages are installed."""

from collections.abc import Callable, Sequence

from domain.actions.operator.doctor.checks import Probe, and_more

SERVER = "The installation"


def page_checks(missing_files: Callable[[], Sequence[str]]) -> list[tuple[str, Probe]]:
    """Return the checks; `missing_files` returns the names of files that pages load."""

    async def assets() -> str | None:
        missing = missing_files()
        if not missing:
            return None
        return (
            f"{missing[0]}{and_more(missing)} missing, so pages fail: run `make assets` in a "
            "checkout, or install the wheel again"
        )

    return [("assets", assets)]
