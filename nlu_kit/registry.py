"""Entry points to specs: what is installed, who provides it, what clashes, what failed to load."""

from __future__ import annotations

import inspect
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

import pluggy

from nlu_kit import __version__
from nlu_kit.errors import PluginError, did_you_mean
from nlu_kit.plugin.hooks import KINDS, PROJECT, NluKitSpecs
from nlu_kit.plugin.specs import CONTRACT, CONTRACT_ATTRIBUTE, AnySpec

if TYPE_CHECKING:
    import click

DISABLE_VARIABLE = "NLU_KIT_DISABLE_PLUGINS"
ALLOW_VARIABLE = "NLU_KIT_ALLOW_PLUGINS"
_OURS = "nlu-kit"  # whose plugins need no permission


@dataclass(frozen=True, slots=True, kw_only=True)
class Provided:
    """A component with where it comes from: the distribution, its version, and the plugin's entry-point name."""

    spec: AnySpec
    plugin: str
    distribution: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ProvidedCommand:
    """A command that a plugin adds to `nlu-kit`, with where it comes from."""

    name: str
    command: click.Command
    plugin: str
    distribution: str
    version: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A plugin that did not load; the others did."""

    plugin: str
    distribution: str
    version: str
    error: str


@dataclass(frozen=True, slots=True)
class _Origin:
    plugin: str
    distribution: str
    version: str

    def __str__(self) -> str:
        return f"plugin '{self.plugin}' ({self.distribution} {self.version})"


class Registry:
    """Everything the installed plugins provide. Build one with ``Registry.load()``, or ``Registry.of(plugins)``."""

    def __init__(self) -> None:
        self.failures: list[Failure] = []
        self.disabled: list[str] = []
        self.not_allowed: list[str] = []
        self._manager = pluggy.PluginManager(PROJECT)
        self._manager.add_hookspecs(NluKitSpecs)
        self._origins: dict[str, _Origin] = {}
        self._provided: dict[str, dict[str, Provided]] = {kind: {} for kind in KINDS}

    @classmethod
    def load(cls) -> Registry:
        """Load every plugin of the ``nlu_kit`` entry-point group, but those named in ``NLU_KIT_DISABLE_PLUGINS``; where
        ``NLU_KIT_ALLOW_PLUGINS`` is set, only nlu-kit's own and those named there. Of the others nothing is imported.

        A plugin that fails to import, whose hook raises, or that was written for another contract than this nlu-kit has
        is recorded in ``failures`` and the rest still load.
        Raises PluginError for a name provided twice, a misspelt hook, or a hook that returns something else than specs
        of its kind.
        """
        registry = cls()
        for origin, point in registry._wanted():
            try:
                plugin = point.load()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's import can raise anything
                registry._failed(origin, error)
                continue
            if (refused := _refused(plugin, origin)) is not None:
                registry._refuse(origin, refused)
                continue
            registry._register(plugin, origin)
        registry._collect()
        return registry

    def _wanted(self) -> list[tuple[_Origin, EntryPoint]]:
        """What may be imported. Raises PluginError for a plugin's name that two distributions use."""
        disabled, allowed = _named_in(DISABLE_VARIABLE), _named_in(ALLOW_VARIABLE)
        distributions: dict[int, tuple[str, str]] = {}  # name and version: to read them is to parse a file, each time
        found: dict[str, tuple[_Origin, EntryPoint]] = {}
        for point in sorted(entry_points(group=PROJECT), key=lambda point: (point.name, point.value)):
            if disabled is not None and point.name in disabled:
                self.disabled.append(point.name)
                continue
            if id(point.dist) not in distributions:
                named = (point.dist.name, point.dist.version) if point.dist else ("unknown", "unknown")
                distributions[id(point.dist)] = named
            origin = _Origin(point.name, *distributions[id(point.dist)])
            if allowed is not None and point.name not in allowed and origin.distribution != _OURS:
                self.not_allowed.append(point.name)
                continue
            if point.name in found:
                taken, _ = found[point.name]
                raise PluginError(
                    f"two plugins are called '{point.name}': one of {taken.distribution} {taken.version}, one of "
                    f"{origin.distribution} {origin.version}; uninstall one of them"
                )
            found[point.name] = (origin, point)
        return list(found.values())

    @classmethod
    def of(cls, plugins: Mapping[str, object]) -> Registry:
        """A registry of just these plugins (modules or objects with hookimpls), for tests and embedding."""
        registry = cls()
        for name, plugin in plugins.items():
            origin = _Origin(name, name, "0")
            if (refused := _refused(plugin, origin)) is not None:
                raise PluginError(f"{origin}: {refused}")
            registry._register(plugin, origin)
        registry._collect()
        return registry

    def _register(self, plugin: object, origin: _Origin) -> None:
        if self._manager.is_registered(plugin):  # the same object under a second entry point
            return
        self._origins[origin.plugin] = origin
        try:
            self._manager.register(plugin, name=origin.plugin)
        except pluggy.PluginValidationError as error:  # a hook that asks for arguments it does not get
            raise PluginError(f"{origin}: {' '.join(str(error).split())}") from error

    def _failed(self, origin: _Origin, error: BaseException) -> None:
        self._refuse(origin, f"{type(error).__name__}: {error}")

    def _refuse(self, origin: _Origin, text: str) -> None:
        self.failures.append(
            Failure(plugin=origin.plugin, distribution=origin.distribution, version=origin.version, error=text)
        )

    def _collect(self) -> None:
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError(self._explain_misspelt(error)) from error
        found: list[tuple[str, object, _Origin]] = []
        for kind, (hook_name, spec_class) in KINDS.items():
            for implementation in getattr(self._manager.hook, hook_name).get_hookimpls():
                origin = self._origins[implementation.plugin_name]
                try:
                    returned = implementation.function()
                    specs = list(returned) if isinstance(returned, Iterable) else None
                except (Exception, SystemExit) as error:  # noqa: BLE001 - often a late import; the others must load
                    self._failed(origin, error)
                    continue
                if specs is None:
                    wanted = f"{hook_name} must return a list of {spec_class.__name__} objects"
                    raise PluginError(f"{origin}: {wanted}, got {type(returned).__name__}")
                found += [(kind, spec, origin) for spec in specs]
        failed = {failure.plugin for failure in self.failures}
        for plugin in failed & self._origins.keys():  # half a plugin is worse than none
            self._manager.unregister(name=plugin)
        for kind, spec, origin in found:
            if origin.plugin not in failed:
                self._add(kind, spec, origin)

    def _add(self, kind: str, spec: object, origin: _Origin) -> None:
        hook_name, spec_class = KINDS[kind]
        if not isinstance(spec, spec_class):
            raise PluginError(
                f"{origin}: {hook_name} must return {spec_class.__name__} objects, got {type(spec).__name__}"
            )
        if not isinstance(spec.name, str) or not spec.name:
            raise PluginError(f"{origin}: {hook_name} gave a {kind} whose name is {spec.name!r}, not a text")
        if not (isinstance(spec.params, type) and issubclass(spec.params, spec_class.params_base)):
            raise PluginError(
                f"{origin}: the params of the {kind} '{spec.name}' must be a subclass of "
                f"nlu_kit.plugin.{spec_class.params_base.__name__}, got {spec.params!r}"
            )
        modules = [field.name for field in fields(spec) if inspect.ismodule(getattr(spec, field.name))]
        if modules:
            raise PluginError(
                f"{origin}: {', '.join(modules)} of the {kind} '{spec.name}' is a module, not a function; a function "
                "that is called like a module of its package gives way to it once that is imported"
            )
        taken = self._provided[kind].get(spec.name)
        if taken is not None:
            raise PluginError(
                f"the {kind} '{spec.name}' is provided twice: by {taken.distribution} {taken.version} (plugin "
                f"'{taken.plugin}') and by {origin.distribution} {origin.version} (plugin '{origin.plugin}'); "
                f"uninstall one, or switch one off with {DISABLE_VARIABLE}=<plugin>"
            )
        self._provided[kind][spec.name] = Provided(
            spec=spec, plugin=origin.plugin, distribution=origin.distribution, version=origin.version
        )

    def _explain_misspelt(self, error: pluggy.PluginValidationError) -> str:
        hooks = [name for name, _ in inspect.getmembers(NluKitSpecs) if name.startswith(PROJECT)]
        name = self._manager.get_name(error.plugin) or "?"
        origin = self._origins[name]
        for attribute in dir(error.plugin):
            options = self._manager.parse_hookimpl_opts(error.plugin, attribute)
            hook = options and (options.get("specname") or attribute)
            if hook and hook not in hooks:
                hint = did_you_mean(hook, hooks)
                return (
                    f"{origin} implements a hook that does not exist: '{hook}'; {hint}the hooks are: {', '.join(hooks)}"
                )
        return f"{origin}: {error}"

    # --- questions ---------------------------------------------------------------------------------------------------

    def all(self, kind: str) -> Sequence[Provided]:
        """Every component of a kind, by name."""
        return [provided for _, provided in sorted(self._provided[kind].items())]

    def find(self, kind: str, name: str) -> Provided | None:
        """The component of this kind and name, or None."""
        return self._provided[kind].get(name)

    def get(self, kind: str, name: str) -> Provided:
        """As ``find``; raises PluginError (with "did you mean" and what is installed) where there is none."""
        provided = self.find(kind, name)
        if provided is None:
            raise PluginError(f"unknown {kind} '{name}': {self.hint(kind, name)}")
        return provided

    def hint(self, kind: str, name: str) -> str:
        """What to say about a type that is not installed."""
        names = [provided.spec.name for provided in self.all(kind)]
        hint = did_you_mean(name, names) + (f"installed: {', '.join(names)}" if names else f"no {kind} is installed")
        if self.failures:
            broken = ", ".join(f"{failure.plugin} ({failure.error})" for failure in self.failures)
            hint += f"; these plugins failed to load: {broken}"
        if self.disabled:
            hint += f"; switched off by {DISABLE_VARIABLE}: {', '.join(self.disabled)}"
        if self.not_allowed:
            hint += f"; installed, but not named in {ALLOW_VARIABLE}: {', '.join(self.not_allowed)}"
        return hint

    def defaults(self, kind: str) -> Sequence[Provided]:
        """The components marked ``default=True``: what a pipeline that names none gets."""
        return [provided for provided in self.all(kind) if provided.spec.default]

    def default(self, kind: str) -> Provided:
        """The one default of a kind. Raises PluginError where plugins mark none, or more than one."""
        defaults = self.defaults(kind)
        if len(defaults) != 1:
            which = ", ".join(f"'{p.spec.name}' of {p.distribution}" for p in defaults) or "none"
            raise PluginError(f"the pipeline names no {kind} and the installed defaults are: {which}; name one")
        return defaults[0]

    def commands(self) -> Sequence[ProvidedCommand]:
        """Every command that plugins bring. A plugin whose hook raises is recorded in ``failures``."""
        import click

        found = []
        for implementation in self._manager.hook.nlu_kit_commands.get_hookimpls():
            origin = self._origins[implementation.plugin_name]
            if any(failure.plugin == origin.plugin for failure in self.failures):
                continue
            own = click.Group()  # one for each plugin, so that none can replace another's command in silence
            try:
                implementation.function(*[own for _ in implementation.argnames])
            except (Exception, SystemExit) as error:  # noqa: BLE001 - one plugin's fault must not take the CLI down
                self._failed(origin, error)
                continue
            where = {"plugin": origin.plugin, "distribution": origin.distribution, "version": origin.version}
            found += [ProvidedCommand(name=name, command=command, **where) for name, command in own.commands.items()]
        return found

    def add_commands(self, cli: click.Group) -> None:
        """Let every plugin add its commands. Raises PluginError where a name is taken."""
        import click

        owners: dict[str, str] = {}
        for provided in self.commands():
            name, origin = provided.name, _Origin(provided.plugin, provided.distribution, provided.version)
            if name in owners or name in cli.list_commands(click.Context(cli)):
                owner = owners.get(name, "nlu-kit itself")
                hint = f"switch a plugin off with {DISABLE_VARIABLE}=<plugin>"
                raise PluginError(f"{origin} adds the command '{name}', which {owner} has already; {hint}")
            owners[name] = str(origin)
            cli.add_command(provided.command, name)


def _named_in(variable: str) -> set[str] | None:
    """Names apart by commas; None where the variable is not set."""
    value = os.environ.get(variable)
    return None if value is None else {name.strip() for name in value.split(",")}


MOVING = f"docs/contract-{CONTRACT}.md"


def _refused(plugin: object, origin: _Origin) -> str | None:
    """What to say of a plugin that was written for another contract; None where it was written for ours.

    One that does not say was written for the first: there was no number yet.
    """
    written_for = getattr(plugin, CONTRACT_ATTRIBUTE, 1)
    if written_for == CONTRACT:
        return None
    newer = isinstance(written_for, int) and written_for > CONTRACT
    if newer:
        upgrade = "pip install --upgrade nlu-kit"
    else:
        upgrade = f"pip install --upgrade {origin.distribution} (if it is yours, {MOVING} says how to move it)"
    return (
        f"it was written for contract {written_for!r}, and nlu-kit {__version__} has contract {CONTRACT}: {upgrade}, "
        f"or switch it off with {DISABLE_VARIABLE}={origin.plugin}"
    )


def parameters(params: type[Any]) -> Mapping[str, Any]:
    """JSON schema of a params class, by field name."""
    schema: dict[str, Any] = params.model_json_schema()
    properties: dict[str, Any] = schema.get("properties", {})
    return properties
