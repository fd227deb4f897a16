"""Read pipeline.json, apply ``--set path=value`` overrides and fill in types; nothing is validated here."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from nlu_kit.config.pipeline import AUTO
from nlu_kit.errors import ConfigError, PluginError, Problem
from nlu_kit.files import JsonError, parse_json, read_json
from nlu_kit.registry import Registry

LARGEST = 16 << 20  # bytes: far more than anybody writes by hand


_BEGIN = "start with `nlu-kit init my-bot`, or name another file"


def read_json_object(file: Path, *, hint: str = _BEGIN) -> dict[str, Any]:
    """The JSON object in ``file``. Raises ConfigError naming line and column where it is not one; ``hint`` is for where
    there is no file."""
    try:
        value = read_json(file, limit=LARGEST)
    except FileNotFoundError:
        raise ConfigError([Problem("", "the file does not exist", hint)], source=str(file)) from None
    except OSError as error:
        problem = Problem("", f"the file can't be read: {error.strerror or error}")
        raise ConfigError([problem], source=str(file)) from error
    except JsonError as error:
        raise ConfigError([Problem("", str(error))], source=str(file)) from None
    if not isinstance(value, dict):
        raise ConfigError([Problem("", f"expected a JSON object, got {type(value).__name__}")], source=str(file))
    return value


def apply_overrides(raw: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A copy of ``raw`` with each ``path=value`` set; values are JSON, or strings where they are not.

    ``training.epochs=3``, ``heads.ner.loss.type=cross_entropy``, ``sampler=random``, ``objectives.0.weight=2`` (of a
    list, counted from 0). A component given by its bare name ("sampler": "weighted") becomes ``{"type": "weighted"}``
    when a parameter of it is set.
    """
    result: dict[str, Any] = json.loads(json.dumps(raw))
    for override in overrides:
        path, equals, text = override.partition("=")
        keys = path.strip().split(".")
        if not equals or not all(keys):
            hint = "write --set path=value, for instance --set training.epochs=3"
            raise ConfigError([Problem("--set", f"can't read '{override}'", hint)])
        try:
            value = parse_json(text)
        except JsonError:
            value = text
        node: Any = result
        for depth, key in enumerate(keys[:-1]):
            place = _place(node, key, path)
            child = node[place] if isinstance(node, list) else node.get(place)
            if isinstance(child, str):
                child = {"type": child}
            elif child is None:
                child = {}
            elif not isinstance(child, (dict, list)):
                at = ".".join(keys[: depth + 1])
                raise ConfigError([Problem("--set", f"'{path}' leads through '{at}', which is not an object")])
            node[place] = child
            node = child
        node[_place(node, keys[-1], path)] = value
    return result


def _place(node: Any, key: str, path: str) -> Any:
    """The key, or of a list the position."""
    if not isinstance(node, list):
        return key
    if not key.isdecimal() or int(key) >= len(node):
        have = f"it has {len(node)}, counted from 0" if node else "it is empty"
        raise ConfigError([Problem("--set", f"'{path}': '{key}' is no position of that list, {have}")])
    return int(key)


def fill_types(raw: Mapping[str, Any], registry: Registry) -> dict[str, Any]:
    """A copy in which each component section without a type has the one that its absence would mean.

    That is the installed default of its kind; for a head the head type of the head's own name; for a head's loss the
    head type's default loss. Where there is no such type the section stays as it is, and the check refuses it.
    Components inside other components, and callbacks, always name their type.
    """
    filled = dict(raw)
    for kind in ("backbone", "balancing", "sampler", "freezing", "detector"):
        if kind in filled:
            filled[kind] = _typed(filled[kind], _default(registry, kind))
    data, heads = filled.get("data"), filled.get("heads")
    if isinstance(data, Mapping) and "reader" in data:
        filled["data"] = {**data, "reader": _typed(data["reader"], AUTO)}
    if isinstance(heads, Mapping):
        filled["heads"] = {name: _head(name, section, registry) for name, section in heads.items()}
    return filled


def _head(name: str, section: Any, registry: Registry) -> Any:
    section = _typed(section, name if registry.find("head", name) else None)
    if not isinstance(section, Mapping) or "loss" not in section:
        return section
    head = registry.find("head", section["type"]) if isinstance(section.get("type"), str) else None
    loss = getattr(head.spec, "default_loss", None) if head else None
    return {**section, "loss": _typed(section["loss"], loss or _default(registry, "loss"))}


def _typed(section: Any, default: str | None) -> Any:
    if isinstance(section, Mapping) and "type" not in section and default is not None:
        return {"type": default, **section}
    return section


def _default(registry: Registry, kind: str) -> str | None:
    try:
        return registry.default(kind).spec.name
    except PluginError:
        return None
