"""reference/configuration.md: every key of pipeline.json and every parameter of every installed component."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from nlu_kit.config.describe import Parameter, describe_model, describe_parameters, example
from nlu_kit.config.pretraining import PretrainingConfig, PretrainingLoop
from nlu_kit.config.schema import DataConfig, DecodingConfig, PipelineConfig, TeacherConfig, TrainingConfig
from nlu_kit.errors import PluginError
from nlu_kit.plugin.hooks import KINDS
from nlu_kit.registry import Provided, Registry

from .markdown import code, inline, join, prose, table

HEADER = ("Key", "Type", "Default", "Meaning")

INTRO = """# Configuration reference

All of `pipeline.json` and `pretrain.json`. This page is generated from the code: from the schema of the frame, and from
the parameters of the components that nlu-kit bundles. `nlu-kit plugins list` and `nlu-kit plugins show <kind> <name>`
say the same about what is installed on your machine, other people's plugins included. The guide is in
{doc}`../configuration`."""

WHERE = {
    "backbone": "The key `backbone`: the shared encoder.",
    "head": "An entry of `heads`, under a name of your choice: one task.",
    "loss": "The key `loss` of a head: its criterion.",
    "balancing": "The key `balancing`: how the heads' losses become one number.",
    "sampler": "The key `sampler`: which examples make which batch.",
    "freezing": "The key `freezing`: which parameters train, at which learning rate.",
    "detector": "The key `detector`: what tells that an utterance is out of scope; {doc}`../confidence` explains it.",
    "reader": "The key `data.reader`: the format of the data. `auto` asks every reader whether it knows the path.",
    "callback": "An entry of `training.callbacks`: a listener to the run.",
    "objective": "An entry of `objectives` in pretrain.json: what an encoder is taught by; see {doc}`../pretraining`.",
}


def page(registry: Registry) -> str:
    """The page for what ``registry`` holds."""
    return join(
        [
            INTRO,
            "(reference-pipeline)=\n## The frame",
            prose(PipelineConfig.__doc__),
            _parameters(describe_model(PipelineConfig), _defaults(registry)),
            "(reference-data)=\n## `data`",
            prose(DataConfig.__doc__),
            _parameters(describe_model(DataConfig)),
            "(reference-training)=\n## `training`",
            prose(TrainingConfig.__doc__),
            _parameters(describe_model(TrainingConfig)),
            "(reference-teacher)=\n## `training.teacher`",
            prose(TeacherConfig.__doc__),
            _parameters(describe_model(TeacherConfig)),
            "(reference-decoding)=\n## `decoding`",
            prose(DecodingConfig.__doc__),
            _parameters(describe_model(DecodingConfig)),
            *(_kind(kind, registry) for kind in KINDS),
            "(reference-pretraining)=\n## The frame of pretrain.json",
            prose(PretrainingConfig.__doc__),
            _parameters(describe_model(PretrainingConfig), _defaults(registry)),
            "(reference-pretraining-training)=\n## `training` of pretrain.json",
            prose(PretrainingLoop.__doc__),
            _parameters(describe_model(PretrainingLoop)),
        ]
    )


def _defaults(registry: Registry) -> dict[str, str]:
    """What the keys of the frame are when the pipeline leaves them out."""
    found = {"heads": ", ".join(inline(provided.spec.name) for provided in registry.defaults("head"))}
    found["training"] = found["decoding"] = "its defaults"
    for kind in KINDS:
        try:
            found[kind] = inline(registry.default(kind).spec.name)
        except PluginError:
            continue
    return found


def _kind(kind: str, registry: Registry) -> str:
    components = registry.all(kind)
    nothing = "" if components else f"nlu-kit bundles no {kind}; plugins may bring some."
    title = f"(reference-{kind})=\n## Kind `{kind}`"
    return join(
        [title, WHERE.get(kind, ""), nothing, *(_component(provided, registry) for provided in components)]
    ).rstrip()


def _component(provided: Provided, registry: Registry) -> str:
    spec = provided.spec
    default = " *The default.*" if spec.default else ""
    produced = getattr(spec, "produces", None)
    loss = getattr(spec, "default_loss", None)
    consumed = getattr(spec, "consumes", None)
    facts = [
        f"Provided by {inline(provided.distribution)}, plugin {inline(provided.plugin)}.",
        f"Produces {inline(produced)}." if produced else "",
        f"Its loss, when the pipeline names none: {inline(loss)}." if loss else "",
        f"Takes what heads produce as {', '.join(inline(name) for name in sorted(consumed))}." if consumed else "",
    ]
    return join(
        [
            f"(reference-{spec.kind}-{spec.name})=\n### {spec.kind} `{spec.name}`",
            f"{spec.summary}{default}",
            _parameters(describe_parameters(provided)) if spec.params.model_fields else "No parameters.",
            " ".join(fact for fact in facts if fact),
            code(json.dumps(example(provided, registry), indent=2, ensure_ascii=False), "json"),
        ]
    ).rstrip()


def _parameters(parameters: Sequence[Parameter], defaults: Mapping[str, str] | None = None) -> str:
    """A table of parameters; ``defaults`` is given for the frame, where some defaults depend on what is installed."""
    rows = []
    for parameter in parameters:
        default = "required" if parameter.required else inline(_default(parameter.default))
        default = (defaults or {}).get(parameter.name, default)
        section = defaults is not None and parameter.name in ("data", "training", "decoding")
        kind = f"{{ref}}`object <reference-{parameter.name}>`" if section else _type(parameter)
        rows.append((inline(parameter.name), kind, default, parameter.description))
    return table(HEADER, rows)


def _default(value: Any) -> str:
    """As JSON; a component without parameters by its type."""
    if isinstance(value, dict) and list(value) == ["type"]:
        value = value["type"]
    return json.dumps(value, ensure_ascii=False)


def _type(parameter: Parameter) -> str:
    """The type in words, with the values of a choice as code and components linked to their kind."""
    kind = {"heads": "head", "callbacks": "callback"}.get(parameter.name, parameter.name)
    text = parameter.type.replace("object of object", "object of a head")
    text = text.replace("a component", f"a {kind}") if kind in KINDS else text
    text = re.sub(rf"\ba ({'|'.join(KINDS)})\b", r"{ref}`\1 <reference-\1>`", text)
    return re.sub(r'"[^"]*"', lambda match: inline(match[0]), text)
