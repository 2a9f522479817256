"""The base of everything that a YAML file says: a record that refuses keys it does not know."""

from __future__ import annotations

import difflib

from pydantic import BaseModel, ConfigDict, model_validator


class Record(BaseModel):
    """An immutable pydantic model; a misspelt key is refused, with the near one named."""

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data):
        if isinstance(data, dict) and cls.model_config["extra"] == "forbid":
            problems = [_no_such_key(key, list(cls.model_fields)) for key in data]
            if any(problems):
                raise ValueError("; ".join(filter(None, problems)))
        return data


def _no_such_key(key: object, known: list[str]) -> str | None:
    if key in known:
        return None
    near = difflib.get_close_matches(str(key), known, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    return f"received the unknown key {key!r}.{hint} Expected keys: {', '.join(known)}"
