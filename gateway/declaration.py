"""How a setting is declared: its variable, what it is for, and which processes read it."""

from collections.abc import Iterator
from typing import Any, Final, get_args, get_type_hints

import msgspec
from msgspec import Meta

SERVE: Final = "`serve`"
WEBHOOKS: Final = "`webhooks`"
RATES: Final = "`rates`"
EVERY_PROCESS: Final = "every process"

NOT_SETTINGS: Final = {
    "SWAPGATE_DATA_DIR": "a command-line option that locates the instance with the settings",
    "SWAPGATE_OPERATOR": "the name of the person who runs a command, not of an installation",
    "SWAPGATE_OPERATOR_SECRET": "the secret of that person, which no process may inherit",
    "SWAPGATE_RETENTION_WEBHOOKS_MONTHS": "an option of the command `retention`",
    "SWAPGATE_RETENTION_AUDIT_MONTHS": "an option of the command `retention`",
    "SWAPGATE_PARENT_PID": "set by a supervisor for its children, never by an operator",
}
"""Variables that are not declared in Settings, and why."""


def variable_of(name: str) -> str:
    """Return the variable that a field is read from."""
    return f"SWAPGATE_{name.upper()}"


def about(
    purpose: str, *, unit: str = "", default: str = "none", read_by: str = EVERY_PROCESS
) -> Meta:
    """Describe a setting: `default` is what the documentation says instead of an empty value."""
    return Meta(
        description=purpose, extra={"unit": unit, "empty default": default, "read by": read_by}
    )


def text_of(value: object) -> str:
    """Return a setting's value as a variable holds it; None is empty."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def declarations(
    settings: type[msgspec.Struct],
) -> Iterator[tuple[msgspec.structs.FieldInfo, Meta, dict[str, Any]]]:
    """Yield each setting in the order of declaration: its field, its description, its facts."""
    hints = get_type_hints(settings, include_extras=True)
    for field in msgspec.structs.fields(settings):
        meta = next(one for one in get_args(hints[field.name]) if isinstance(one, Meta))
        yield field, meta, meta.extra or {}
