"""Read pipeline.json and apply ``--set path=value`` overrides; nothing is validated here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nlu_kit.errors import ConfigError, Problem


def read_json_object(file: Path) -> dict[str, Any]:
    """The JSON object in ``file``. Raises ConfigError naming line and column where it is not one."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        hint = "start with `nlu-kit init my-bot`, or name another file"
        raise ConfigError([Problem("", "the file does not exist", hint)], source=str(file)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([Problem("", f"the file can't be read: {error}")], source=str(file)) from error
    try:
        value = json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_no_constant)
        json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is legal JSON that nothing can print
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}"
        raise ConfigError([Problem("", f"not valid JSON: {error.msg} at {where}")], source=str(file)) from None
    except _DuplicateKeyError as error:
        raise ConfigError([Problem("", f"the key '{error}' occurs twice in one object")], source=str(file)) from None
    except RecursionError:
        raise ConfigError([Problem("", "nested too deeply")], source=str(file)) from None
    except ValueError as error:  # NaN, a number of thousands of digits, half a surrogate pair
        raise ConfigError([Problem("", f"not valid JSON: {error}")], source=str(file)) from None
    if not isinstance(value, dict):
        raise ConfigError([Problem("", f"expected a JSON object, got {type(value).__name__}")], source=str(file))
    return value


class _DuplicateKeyError(ValueError):
    pass


def _no_constant(name: str) -> Any:
    """Python reads NaN and Infinity, which are not JSON and pass every range check or none."""
    raise ValueError(f"{name} is not a JSON number")


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """JSON keeps the last of two equal keys in silence; for a configuration that loses a setting."""
    result: dict[str, Any] = {}
    for key, value in pairs:
        if key in result:
            raise _DuplicateKeyError(key)
        result[key] = value
    return result


def apply_overrides(raw: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A copy of ``raw`` with each ``path=value`` set; values are JSON, or strings where they are not.

    ``training.epochs=3``, ``heads.ner.loss.type=cross_entropy``, ``sampler=random``. A component given by its bare
    name ("sampler": "weighted") becomes ``{"type": "weighted"}`` when a parameter of it is set.
    """
    result: dict[str, Any] = json.loads(json.dumps(raw))
    for override in overrides:
        path, equals, text = override.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys):
            hint = "write --set path=value, for instance --set training.epochs=3"
            raise ConfigError([Problem("--set", f"can't read '{override}'", hint)])
        try:
            value = json.loads(text, object_pairs_hook=_unique_keys, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            value = text
        node = result
        for depth, key in enumerate(keys[:-1]):
            child = node.get(key)
            if isinstance(child, str):
                child = {"type": child}
            elif child is None:
                child = {}
            elif not isinstance(child, dict):
                at = ".".join(keys[: depth + 1])
                raise ConfigError([Problem("--set", f"'{path}' leads through '{at}', which is not an object")])
            node[key] = child
            node = child
        node[keys[-1]] = value
    return result
