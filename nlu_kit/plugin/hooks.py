"""Every hook, with a whole plugin as its example. A plugin is a module with plain functions marked ``@hookimpl``.

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
        """Shared encoders. ``build`` makes a ``Backbone``.

        Example::

            from nlu_kit.plugin import BackboneSpec, Params, hookimpl, lazy

            class TinyParams(Params):
                width: int = 64

            @hookimpl
            def nlu_kit_backbones():
                build = lazy("acme.tiny:Tiny")
                return [BackboneSpec(name="tiny", summary="A tiny encoder.", params=TinyParams, build=build)]
        """

    @hookspec
    def nlu_kit_heads(self) -> Iterable[specs.HeadSpec[Any]]:  # type: ignore[empty-body]
        """Tasks. ``codec`` makes the half without torch, ``build`` the torch half.

        Example::

            from nlu_kit.plugin import HeadSpec, LabelCodec, Params, hookimpl, lazy

            class MoodParams(Params):
                field: str = "mood"

            class MoodCodec(LabelCodec[MoodParams]):
                def annotation(self, example):
                    return example.get(self.params.field)

            @hookimpl
            def nlu_kit_heads():
                build = lazy("nlu_kit.plugin:SentenceClassifier")
                return [HeadSpec(name="mood", summary="The mood.", params=MoodParams, codec=MoodCodec, build=build)]
        """

    @hookspec
    def nlu_kit_losses(self) -> Iterable[specs.LossSpec[Any]]:  # type: ignore[empty-body]
        """Criteria, each of one head. ``build`` makes a ``Loss``.

        Example::

            from nlu_kit.plugin import LossSpec, Params, hookimpl, lazy

            class PolyParams(Params):
                epsilon: float = 1.0

            @hookimpl
            def nlu_kit_losses():
                build = lazy("acme.poly:Poly")
                return [LossSpec(name="poly", summary="Poly-1 loss.", params=PolyParams, build=build)]
        """

    @hookspec
    def nlu_kit_balancing(self) -> Iterable[specs.BalancingSpec[Any]]:  # type: ignore[empty-body]
        """How the losses of the heads become one. ``build`` makes a ``Balancing``.

        Example::

            from nlu_kit.plugin import BalancingSpec, Params, hookimpl, lazy

            @hookimpl
            def nlu_kit_balancing():
                build = lazy("acme.largest:Largest")
                return [BalancingSpec(name="largest", summary="The largest loss.", params=Params, build=build)]
        """

    @hookspec
    def nlu_kit_samplers(self) -> Iterable[specs.SamplerSpec[Any]]:  # type: ignore[empty-body]
        """Which examples make which batch. ``build`` makes a ``Sampler``.

        Example::

            from nlu_kit.plugin import Params, SamplerSpec, hookimpl, lazy

            @hookimpl
            def nlu_kit_samplers():
                build = lazy("acme.order:InOrder")
                return [SamplerSpec(name="in_order", summary="As they come.", params=Params, build=build)]
        """

    @hookspec
    def nlu_kit_freezing_strategies(self) -> Iterable[specs.FreezingSpec[Any]]:  # type: ignore[empty-body]
        """What trains, and how fast. ``build`` makes a ``Freezing``.

        Example::

            from nlu_kit.plugin import Freezing, FreezingSpec, ParameterGroup, Params, hookimpl

            class OneRateParams(Params):
                lr: float = 1e-4

            class OneRate(Freezing):
                def __init__(self, params, context):
                    self.lr = params.lr

                def groups(self, layers, epoch, scores):
                    return [ParameterGroup(layers=tuple(layer.name for layer in layers), lr=self.lr)]

                def may_train(self, layers, epoch, scores):
                    return {layer.name for layer in layers}

            @hookimpl
            def nlu_kit_freezing_strategies():
                return [FreezingSpec(name="one_rate", summary="One rate for all.", params=OneRateParams, build=OneRate)]
        """

    @hookspec
    def nlu_kit_detectors(self) -> Iterable[specs.DetectorSpec[Any]]:  # type: ignore[empty-body]
        """What tells that an utterance is out of scope. ``build`` makes a ``Detector``.

        Example::

            from nlu_kit.plugin import Detector, DetectorParams, DetectorSpec, hookimpl

            class Margin(Detector):
                def __init__(self, params, context):
                    pass

                def score(self, features):
                    return -features.logits.max(axis=1)

            @hookimpl
            def nlu_kit_detectors():
                return [DetectorSpec(name="margin", summary="The top logit.", params=DetectorParams, build=Margin)]
        """

    @hookspec
    def nlu_kit_readers(self) -> Iterable[specs.ReaderSpec[Any]]:  # type: ignore[empty-body]
        """Formats of corpora. ``read`` yields examples, ``detect`` recognises a path.

        Example::

            from nlu_kit.plugin import Example, Params, ReaderSpec, hookimpl

            def read(params, path):
                for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1):
                    yield Example(text=line, source=f"{path}:{number}")

            def is_text(path):
                return path.suffix == ".txt"

            @hookimpl
            def nlu_kit_readers():
                return [ReaderSpec(name="lines", summary="One text a line.", params=Params, read=read, detect=is_text)]
        """

    @hookspec
    def nlu_kit_callbacks(self) -> Iterable[specs.CallbackSpec[Any]]:  # type: ignore[empty-body]
        """Listeners to a run. ``build`` makes a ``Callback``.

        Example::

            from nlu_kit.plugin import Callback, CallbackSpec, Params, hookimpl

            class Touch(Callback):
                def __init__(self, params, context):
                    self.folder = context.run_dir

                def on_run_end(self, event):
                    (self.folder / "done").touch()

            @hookimpl
            def nlu_kit_callbacks():
                return [CallbackSpec(name="touch", summary="Leaves a file at the end.", params=Params, build=Touch)]
        """

    @hookspec
    def nlu_kit_objectives(self) -> Iterable[specs.ObjectiveSpec[Any]]:  # type: ignore[empty-body]
        """What an encoder is pre-trained by. ``build`` makes a ``PretrainingObjective``.

        Example::

            from nlu_kit.plugin import ObjectiveParams, ObjectiveSpec, hookimpl, lazy

            class OrderParams(ObjectiveParams):
                texts: list[str] = []

            @hookimpl
            def nlu_kit_objectives():
                build = lazy("acme.order:SentenceOrder")
                return [ObjectiveSpec(name="order", summary="Which comes first?", params=OrderParams, build=build)]
        """

    @hookspec
    def nlu_kit_commands(self, cli: click.Group) -> None:
        """Commands of `nlu-kit`. Import what is heavy inside them.

        Example::

            import click

            from nlu_kit.plugin import hookimpl

            @click.command("hello")
            def hello():
                click.echo("hello")

            @hookimpl
            def nlu_kit_commands(cli):
                cli.add_command(hello)
        """


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
    "objective": ("nlu_kit_objectives", specs.ObjectiveSpec),
}
