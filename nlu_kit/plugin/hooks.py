"""Every hook, on one screen. A plugin implements any of them as plain module-level functions marked ``@hookimpl``.

A hook hands back descriptors and never acts. The entry-point group is ``nlu_kit``::

    [project.entry-points.nlu_kit]
    my_plugin = "my_package"
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pluggy

from nlu_kit.plugin import specs

if TYPE_CHECKING:
    import click

PROJECT = "nlu_kit"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


class NluKitSpecs:
    """The hooks. Each returns an iterable of specs, except the last, which adds commands."""

    @hookspec
    def nlu_kit_backbones(self) -> Iterable[specs.BackboneSpec[Any]]:  # type: ignore[empty-body]
        """Shared encoders: ``return [BackboneSpec(name="tiny", summary="…", params=TinyParams, build=build_tiny)]``"""

    @hookspec
    def nlu_kit_heads(self) -> Iterable[specs.HeadSpec[Any]]:  # type: ignore[empty-body]
        """Tasks: ``return [HeadSpec(name="intent", summary="…", params=P, build=build, codec=codec, fit=fit)]``"""

    @hookspec
    def nlu_kit_losses(self) -> Iterable[specs.LossSpec[Any]]:  # type: ignore[empty-body]
        """Criteria: ``return [LossSpec(name="focal", summary="…", params=FocalParams, build=build_focal)]``"""

    @hookspec
    def nlu_kit_balancing(self) -> Iterable[specs.BalancingSpec[Any]]:  # type: ignore[empty-body]
        """Losses to one scalar: ``return [BalancingSpec(name="sum", summary="…", params=P, build=build_sum)]``"""

    @hookspec
    def nlu_kit_samplers(self) -> Iterable[specs.SamplerSpec[Any]]:  # type: ignore[empty-body]
        """Batches: ``return [SamplerSpec(name="random", summary="…", params=P, build=build_random)]``"""

    @hookspec
    def nlu_kit_freezing_strategies(self) -> Iterable[specs.FreezingSpec[Any]]:  # type: ignore[empty-body]
        """What trains: ``return [FreezingSpec(name="freeze_all", summary="…", params=P, build=build_freeze_all)]``"""

    @hookspec
    def nlu_kit_detectors(self) -> Iterable[specs.DetectorSpec[Any]]:  # type: ignore[empty-body]
        """Out of scope: ``return [DetectorSpec(name="energy", summary="…", params=EnergyParams, build=build)]``"""

    @hookspec
    def nlu_kit_readers(self) -> Iterable[specs.ReaderSpec[Any]]:  # type: ignore[empty-body]
        """Corpora: ``return [ReaderSpec(name="csv", summary="…", params=P, read=read_csv, detect=is_csv)]``"""

    @hookspec
    def nlu_kit_callbacks(self) -> Iterable[specs.CallbackSpec[Any]]:  # type: ignore[empty-body]
        """Listeners: ``return [CallbackSpec(name="slack", summary="…", params=P, build=build_slack)]``"""

    @hookspec
    def nlu_kit_commands(self, cli: click.Group) -> None:
        """Commands: ``cli.add_command(my_command)``; import anything heavy inside the command."""


# kind of component -> (its hook, its spec class); the registry and the references are built from this table.
KINDS: dict[str, tuple[str, type[specs.AnySpec]]] = {
    "backbone": ("nlu_kit_backbones", specs.BackboneSpec),
    "head": ("nlu_kit_heads", specs.HeadSpec),
    "loss": ("nlu_kit_losses", specs.LossSpec),
    "balancing": ("nlu_kit_balancing", specs.BalancingSpec),
    "sampler": ("nlu_kit_samplers", specs.SamplerSpec),
    "freezing": ("nlu_kit_freezing_strategies", specs.FreezingSpec),
    "detector": ("nlu_kit_detectors", specs.DetectorSpec),
    "reader": ("nlu_kit_readers", specs.ReaderSpec),
    "callback": ("nlu_kit_callbacks", specs.CallbackSpec),
}
