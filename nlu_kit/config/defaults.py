"""Sections that leave out ``type``: what ``--set freezing.encoder_lr=1e-4`` makes where there is no such section."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from nlu_kit.config.pipeline import AUTO
from nlu_kit.errors import PluginError
from nlu_kit.registry import Registry


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
