"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path

import click

from nlu_kit.registry import Registry

pipeline_argument = click.argument(
    "pipeline", type=click.Path(path_type=Path), default=Path("pipeline.json"), required=False
)

set_option = click.option(
    "--set",
    "overrides",
    multiple=True,
    metavar="PATH=VALUE",
    help="Override a setting, for instance training.epochs=3; may be given several times.",
)


def load_registry() -> Registry:
    """All that is installed; a plugin that failed to load is reported on stderr, and the rest go on."""
    registry = Registry.load()
    for failure in registry.failures:
        where = f"'{failure.plugin}' of {failure.distribution} {failure.version}"
        click.echo(f"warning: the plugin {where} failed to load: {failure.error}", err=True)
    return registry
