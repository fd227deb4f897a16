"""``nlu-kit config``: check a pipeline, show it in full, write the JSON schema."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from nlu_kit.cli.lazy import Group
from nlu_kit.cli.options import load_registry, pipeline_argument, set_option
from nlu_kit.cli.output import json_text, say, say_json
from nlu_kit.config.check import load_pipeline
from nlu_kit.config.json_schema import pipeline_schema, pretraining_schema
from nlu_kit.config.pipeline import Pipeline, Resolved
from nlu_kit.config.schema import DecodingConfig
from nlu_kit.errors import NluKitError
from nlu_kit.extras import needs_train

if TYPE_CHECKING:
    from nlu_kit.training.layer_plan import EpochRange, ParameterPlan


@click.group("config", cls=Group)
def command() -> None:
    """Check a pipeline, show it in full, or write its JSON schema.

    \b
    Example:
      nlu-kit config check pipeline.json
    """


@command.command("check", short_help="Report every problem of a pipeline at once.")
@pipeline_argument
@set_option
def check(pipeline: Path, overrides: tuple[str, ...]) -> None:
    """Report every problem of PIPELINE (default: pipeline.json) at once. If there is none, list what it composes.

    \b
    Example:
      nlu-kit config check pipeline.json --set training.epochs=3
    """
    checked = load_pipeline(pipeline, overrides=overrides, registry=load_registry(), check_files=True)
    say(f"OK: {pipeline}")
    for key, value in summary(checked):
        say(f"  {key:<10} {value}")


@command.command("show", short_help="Print a pipeline with every default written out.")
@pipeline_argument
@set_option
@click.option(
    "--parameters", is_flag=True,
    help="Print each layer's state, learning rate and size instead, by epoch. Reads the data and loads the encoder.",
)  # fmt: skip
def show(pipeline: Path, overrides: tuple[str, ...], parameters: bool) -> None:
    """Print PIPELINE (default: pipeline.json) with every default written out.

    \b
    Examples:
      nlu-kit config show pipeline.json --set sampler=random
      nlu-kit config show pipeline.json --parameters --set freezing=gradual_unfreezing
    """
    resolved = load_pipeline(pipeline, overrides=overrides, registry=load_registry(), check_files=parameters)
    if parameters:
        needs_train("--parameters")
        # Imported late: this loads torch.
        from nlu_kit.training.layer_plan import parameter_plan

        say("\n".join(plan_lines(parameter_plan(resolved))))
        return
    say_json(resolved.to_json(), indent=2)


@command.command("schema", short_help="Write the JSON schema that editors complete and check with.")
@click.option("--output", type=click.Path(path_type=Path), metavar="FILE", help="Write here instead of to stdout.")
@click.option("--pretraining", is_flag=True, help="That of pretrain.json.")
def schema(output: Path | None, pretraining: bool) -> None:
    """Print the JSON schema of pipeline.json for what is installed. Editors use it to complete and check.

    \b
    Example:
      nlu-kit config schema --output pipeline.schema.json
    and in pipeline.json:
      "$schema": "pipeline.schema.json"
    """
    compose, file = (pretraining_schema, "pretrain.json") if pretraining else (pipeline_schema, "pipeline.json")
    described = compose(load_registry())
    if output is None or str(output) == "-":
        say_json(described, indent=2)
        return
    try:
        output.write_text(json_text(described, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise NluKitError(f"can't write {output}: {error.strerror}; name another --output") from error
    say(f'wrote {output}; point "$schema" of {file} at it')


def summary(pipeline: Pipeline) -> list[tuple[str, str]]:
    """(what, how) lines that say what a pipeline composes; parameters are named where they differ from the default."""
    data, training = pipeline.data, pipeline.training
    dev = data.dev or (
        "of train, if large enough" if data.dev_fraction is None else f"{data.dev_fraction:.0%} of train"
    )
    epochs = "as many epochs as it needs" if training.epochs is None else f"up to {training.epochs} epochs"
    rows = [
        ("name", pipeline.name),
        ("data", f"train {data.train}, dev {dev}, test {data.test or 'none'}"),
        ("reader", _describe(pipeline.reader) if pipeline.reader else "auto"),
        ("backbone", _describe(pipeline.backbone)),
    ]
    for position, (name, entry) in enumerate(pipeline.heads.items()):
        loss = f"loss {_describe(entry.loss)}" if entry.loss else "its own loss"
        rows.append(("" if position else "heads", f"{name}: {_describe(entry.head)}, {loss}"))
    rows += [
        ("balancing", _describe(pipeline.balancing)),
        ("sampler", _describe(pipeline.sampler)),
        ("freezing", _describe(pipeline.freezing)),
        ("detector", f"{_describe(pipeline.detector)}, on {pipeline.watched}" if pipeline.detector else "none"),
        (
            "training",
            f"{epochs}, batches of {training.batch_size}, {training.schedule} schedule, "
            f"patience {training.patience}, monitor {training.monitor}, precision {training.precision}"
            + (f", fgm {training.fgm}" if training.fgm else ""),
        ),
    ]
    if pipeline.recipe != "auto":
        rows.append(("recipe", pipeline.recipe))
    if pipeline.decoding != DecodingConfig():
        rows.append(("decoding", f"prior correction {json.dumps(pipeline.decoding.prior_correction)}"))
    rows += [("callback", _describe(callback)) for callback in pipeline.callbacks]
    return rows


def _describe(component: Resolved) -> str:
    """``bucketed (base=weighted)``"""
    defaults = type(component.params).model_fields
    changed = [
        f"{key}={_short(value)}"
        for key, value in component.params.model_dump(mode="json").items()
        if key not in defaults or getattr(component.params, key) != defaults[key].get_default(call_default_factory=True)
    ]
    return component.type + (f" ({', '.join(changed)})" if changed else "")


def _short(value: object) -> str:
    if isinstance(value, dict) and "type" in value:
        return str(value["type"])
    if isinstance(value, list) and value and all(isinstance(item, dict) and "type" in item for item in value):
        return "[" + ", ".join(map(_short, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def plan_lines(plan: ParameterPlan) -> list[str]:
    """Each range of epochs as a table of layers."""
    lines = ["learning rates are the strategy's, before warmup and schedule; a static layer never trains again"]
    if not plan.ranges:
        return ["training.epochs is 0: nothing trains, and heads stay at the fit that they begin at"]
    if plan.plateau is None:
        return [*lines, *_tables(plan.ranges)]
    return [
        *lines,
        "this strategy looks at the dev score, which is not known before training",
        *_tables(plan.ranges, " while it sees no plateau"),
        *_tables(plan.plateau, " if the dev score never rises"),
    ]


def _tables(ranges: Sequence[EpochRange], assumed: str = "") -> list[str]:
    return [line for part in ranges for line in ("", *_table(part, epochs=ranges[-1].last + 1, assumed=assumed))]


def _table(part: EpochRange, *, epochs: int, assumed: str) -> list[str]:
    first, last = part.first + 1, part.last + 1
    which = f"epoch {first}" if first == last else f"epochs {first} to {last}"
    share = part.training / max(part.total, 1)
    header = f"{which} of {epochs}{assumed}: {part.training:,} of {part.total:,} parameters train ({share:.1%})"
    width = max((len(layer.name) for layer in part.layers), default=0)
    return [header, f"  {'layer':<{width}}  {'state':<6}  {'rate':>9}  {'parameters':>12}"] + [
        f"  {layer.name:<{width}}  {layer.state:<6}  {_rate(layer.rate):>9}  {layer.parameters:>12,}"
        for layer in part.layers
    ]


def _rate(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:.3g}"
