"""Which components and commands a name means: their own, a plugin's or a distribution's."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from nlu_kit.cli.plugin_name import COMMAND
from nlu_kit.errors import PluginError, did_you_mean
from nlu_kit.plugin.hooks import KINDS
from nlu_kit.registry import DISABLE_VARIABLE, Provided, ProvidedCommand, Registry


@dataclass(frozen=True, slots=True)
class Meant:
    """What a name means, in the order of the kinds."""

    components: Sequence[Provided]
    commands: Sequence[ProvidedCommand]

    def __bool__(self) -> bool:
        return bool(self.components or self.commands)

    def only(self, wanted: Callable[[str, Provided | ProvidedCommand], bool]) -> Meant:
        """Those of which ``wanted(name, provided)`` is true."""
        return Meant(
            [provided for provided in self.components if wanted(provided.spec.name, provided)],
            [provided for provided in self.commands if wanted(provided.name, provided)],
        )


def meant_by(name: str, kind: str | None, registry: Registry) -> Meant:
    """The components and commands called so; if there are none, those of the plugin, or the distribution.

    ``kind`` leaves the others out. Raises PluginError where nothing is called so, or it failed to load.
    """
    kinds = (*KINDS, COMMAND)
    if kind is not None and kind not in kinds:
        raise PluginError(f"unknown kind '{kind}': {did_you_mean(kind, kinds)}kinds: {', '.join(kinds)}")
    everything = Meant(
        [provided for each in KINDS if kind in (None, each) for provided in registry.all(each)],
        registry.commands() if kind in (None, COMMAND) else [],
    )
    found = (
        everything.only(lambda own, _: own == name)
        or everything.only(lambda _, provided: provided.plugin == name)
        or everything.only(lambda _, provided: _same_distribution(provided.distribution, name))
    )
    if not found:
        raise PluginError(_unknown(name, kind, everything, registry))
    return found


def _same_distribution(one: str, other: str) -> bool:
    """Whether pip takes the two for the same (PEP 503)."""
    first, second = (re.sub(r"[-_.]+", "-", name).lower() for name in (one, other))
    return first == second


def _unknown(name: str, kind: str | None, everything: Meant, registry: Registry) -> str:
    for failure in registry.failures:
        if failure.plugin == name or _same_distribution(failure.distribution, name):
            origin = f"'{failure.plugin}' of {failure.distribution} {failure.version}"
            return f"the plugin {origin} failed to load, so that nothing of it can be checked: {failure.error}"
    if name in registry.disabled:
        return f"the plugin '{name}' is switched off by {DISABLE_VARIABLE}; leave it out of that to check it"
    provided: list[Provided | ProvidedCommand] = [*everything.components, *everything.commands]
    plugins = sorted({each.plugin for each in provided})
    distributions = sorted({each.distribution for each in provided})
    own = [each.spec.name for each in everything.components] + [each.name for each in everything.commands]
    hint = did_you_mean(name, [*own, *plugins, *distributions])
    nothing = f"no {kind} is called so, nor a plugin or distribution that has one"
    what = nothing if kind else "no component, command, plugin or distribution is called so"
    return (
        f"unknown name '{name}': {what}; {hint}installed plugins: {', '.join(plugins) or 'none'}; distributions: "
        f"{', '.join(distributions) or 'none'}; nlu-kit plugins list shows every component"
    )
