"""The schemas of the wire types, in the form from which clients are generated best.

msgspec describes what it decodes. Of that, five things mislead generators, so they are rewritten:
`default` makes an optional field required in TypeScript; an enum in a field gets one class for each
field; an enum of a response rejects the values that later versions add; openapi-fetch takes a field
that can only be null for one that is never sent, and so rejects the whole type; and the lines of a
docstring are indented, which Markdown shows as code.
"""

import inspect
from collections.abc import Iterable
from typing import Any, Final

import msgspec

Document = dict[str, Any]

REFERENCE: Final = "#/components/schemas/"


class Schemas:
    """A reference to the schema of each wire type, and all components."""

    def __init__(self, types: Iterable[Any]) -> None:
        kinds = list(types)
        references, components = msgspec.json.schema_components(
            kinds, ref_template=f"{REFERENCE}{{name}}"
        )
        self.components: Document = {}
        for name, component in components.items():
            self._add(name, self._rewritten(component))
        self._references = list(
            zip(kinds, [self._rewritten(one) for one in references], strict=True)
        )

    def of(self, kind: Any) -> Document:
        """Return the schema of a wire type, or a reference to it."""
        return next(reference for known, reference in self._references if known == kind)

    def _add(self, name: str, component: Document) -> None:
        if self.components.setdefault(name, component) != component:
            raise ValueError(f"two schemas have the name {name}")

    def _rewritten(self, schema: Any, *, is_field: bool = False) -> Any:
        if isinstance(schema, list):
            return [self._rewritten(one, is_field=is_field) for one in schema]
        if not isinstance(schema, dict):
            return schema
        if "enum" in schema:
            schema = self._enum(schema, is_field=is_field)
        rewritten: Document = {
            key: self._fields(value)
            if key == "properties"
            else self._rewritten(value, is_field=True)
            for key, value in schema.items()
        }
        if "description" in rewritten:
            rewritten["description"] = inspect.cleandoc(rewritten["description"])
        return _without_default(rewritten)

    def _fields(self, properties: Document) -> Document:
        return {
            name: self._rewritten(one, is_field=True)
            for name, one in properties.items()
            if one.get("type") != "null"
        }

    def _enum(self, schema: Document, *, is_field: bool) -> Document:
        """Return an enum with its type; a response's becomes a component that a string may exceed.

        A component of msgspec's own is an enum of requests, which is complete.
        """
        values = schema["enum"]
        if not is_field:
            return {key: schema[key] for key in schema if key != "enum"} | _strings(values)
        if len(values) == 1:
            return {"type": "string", "const": values[0]}
        name = schema["title"]
        known = {"title": name, **_strings(values)}
        stored = self.components.get(name, known)
        if stored["enum"] != values:
            raise ValueError(f"two enums have the name {name}")
        self.components[name] = stored
        described = {key: schema[key] for key in ("description",) if key in schema}
        return described | {"anyOf": [{"$ref": f"{REFERENCE}{name}"}, {"type": "string"}]}


def _strings(values: list[str]) -> Document:
    return {"type": "string", "enum": values}


def _without_default(schema: Document) -> Document:
    """Return the schema with its default, where it is not null, in the description."""
    default = schema.get("default")
    kept = {key: value for key, value in schema.items() if key != "default"}
    if default is None:
        return kept
    text = msgspec.json.encode(default).decode()
    return kept | {"description": f"{schema.get('description', '')} Default: `{text}`.".strip()}
