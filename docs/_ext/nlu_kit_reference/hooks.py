"""reference/hooks.md: every hook, the spec it returns, and the contract of what that spec builds."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
import textwrap
from functools import cache
from pathlib import Path
from types import FunctionType
from typing import Any

import nlu_kit
from nlu_kit import plugin
from nlu_kit.plugin import specs
from nlu_kit.plugin.hooks import KINDS, NluKitSpecs
from nlu_kit.registry import Registry

from .markdown import code, inline, join, prose, table

INTRO = """# Hooks

A plugin is an importable module with plain functions marked `@hookimpl`, found through the entry-point group
`nlu_kit`. A hook hands back *descriptors* (specs) and never acts: it must be cheap and must not import torch.
Everything on this page is imported from `nlu_kit.plugin`. {doc}`../writing-plugins` says how to write a plugin,
{doc}`contracts` what each component must do.

Every spec starts with these fields; each hook's section has the rest."""

CONTRACTS = ("nlu_kit.plugin.contracts", "nlu_kit.plugin.modules", "nlu_kit.heads.codec", "nlu_kit.heads.modules")
"""The modules whose classes a spec's ``build`` returns."""

# Most heads have one of these as their codec.
FAMILIES = ("LabelCodec", "LabelSetCodec", "SpanCodec", "SentenceClassifier")

# The plain data that the contracts speak of.
TYPES = (
    *("Example", "Entity", "LabelSpace", "Word", "Encoding", "TokenBatch", "Encoded"),
    *("LabelPrediction", "EntityPrediction", "Prediction"),
    *("Component", "Nested", "Layer", "ParameterGroup"),
    *("DetectorParams", "DetectorFeatures"),
    *("RunStart", "StepEnd", "EpochEnd", "RunEnd", "Sample"),
)


def page(registry: Registry) -> str:
    """The page. What is installed makes no difference; ``registry`` lists who implements each hook."""
    common = [_fields(specs.Spec), prose(specs.Spec.__doc__)]
    return join([INTRO, *common, *(_hook(hook, registry) for hook in hooks()), _families(), _types()])


def hooks() -> list[FunctionType]:
    """The hooks, in the order in which hookspecs.py has them."""
    return [hook for name, hook in vars(NluKitSpecs).items() if name.startswith("nlu_kit_")]


def _hook(hook: FunctionType, registry: Registry) -> str:
    kind = next((kind for kind, (name, _) in KINDS.items() if name == hook.__name__), None)
    blocks = [
        f"(hook-{hook.__name__})=\n## `{hook.__name__}`",
        code(f"@hookimpl\ndef {hook.__name__}{_signature(hook)}: ..."),
        *_explained(hook),
    ]
    if kind is not None:
        spec_class = KINDS[kind][1]
        bundled = ", ".join(f"{{ref}}`{p.spec.name} <reference-{kind}-{p.spec.name}>`" for p in registry.all(kind))
        blocks += [f"Bundled: {bundled}." if bundled else "Bundled: none.", *_spec(spec_class)]
    return join(blocks).rstrip()


def _explained(hook: FunctionType) -> list[str]:
    """The docstring: what the hook is for, and a whole plugin as its example."""
    text, _, example = prose(hook.__doc__).partition("\n\nExample::\n\n")
    return [text, "A whole plugin:", code(textwrap.dedent(example))]


def _signature(hook: FunctionType) -> str:
    """Without ``self``: hookimpls are module-level functions."""
    signature = inspect.signature(hook)
    parameters = [parameter for name, parameter in signature.parameters.items() if name != "self"]
    text = str(signature.replace(parameters=parameters)).replace("'", "")
    return text.replace("specs.", "").replace("[Any]", "")


def _spec(spec_class: type[specs.AnySpec]) -> list[str]:
    """The spec's own fields, then every context and contract that their types name."""
    own = [field for field in dataclasses.fields(spec_class) if field.name not in specs.Spec.__dataclass_fields__]
    types = " ".join(str(field.type) for field in own)
    blocks = [f"### `{spec_class.__name__}`", _docstring(spec_class), _fields(spec_class, own)]
    for name in dict.fromkeys(re.findall(r"\w+Context", types)):
        context = getattr(plugin, name)
        blocks += [f"`{name}`, which it is made with:", _docstring(context), _fields(context)]
    for name in dict.fromkeys(re.findall(r"\w+", types)):
        module, source = _classes().get(name, ("", ""))
        if module in CONTRACTS and not name.endswith("Context"):
            blocks += [f"`{name}`, which it is:", code(source)]
    return blocks


def _families() -> str:
    blocks = ["(hook-families)=\n## What heads are made of"]
    for name in FAMILIES:
        module, source = _classes()[name]
        blocks += [f"### `{name}`", f"In `{module}`.", prose(ast.get_docstring(ast.parse(source).body[0]))]  # type: ignore[arg-type]
    return join(blocks).rstrip()


def _types() -> str:
    blocks = ["(hook-types)=\n## The data they speak of"]
    for name in TYPES:
        module, source = _classes()[name]
        blocks += [f"### `{name}`", f"In `{module}`.", code(source)]
    return join(blocks).rstrip()


def _docstring(owner: type[Any]) -> str:
    """The class's own docstring; dataclasses without one get their signature as docstring, which says nothing new."""
    text = owner.__dict__.get("__doc__") or ""
    return "" if text.startswith(f"{owner.__name__}(") else prose(text)


def _fields(owner: type[Any], fields: list[Any] | None = None) -> str:
    rows = []
    for field in dataclasses.fields(owner) if fields is None else fields:
        if field.default is not dataclasses.MISSING:
            default = inline(_plain(field.default))
        elif field.default_factory is not dataclasses.MISSING:
            default = inline(_plain(field.default_factory()))
        else:
            default = "required"
        rows.append((inline(field.name), inline(str(field.type)), default))
    return table(("Field", "Type", "Default"), rows)


def _plain(value: Any) -> str:
    if callable(value):
        return "returns ()"  # the one function that is a default: a head that reads no other
    return f"frozenset({sorted(value)})" if isinstance(value, frozenset) else repr(value)


@cache
def _classes() -> dict[str, tuple[str, str]]:
    """Class -> (module, source text) for all of nlu_kit. Quoted, not imported: half of the contracts need torch."""
    root = Path(nlu_kit.__file__).parent
    found: dict[str, tuple[str, str]] = {}
    for file in sorted(root.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        module = ".".join(("nlu_kit", *file.relative_to(root).with_suffix("").parts))
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef):
                found[node.name] = (module, ast.get_source_segment(text, node) or "")
    return found
