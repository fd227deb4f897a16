"""What a component is tried with, and the clauses that every kind has. No torch."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache, cached_property
from importlib.util import find_spec
from inspect import isfunction
from typing import Any

from nlu_kit.config.components import build_nested
from nlu_kit.data.example import Example
from nlu_kit.params import Component
from nlu_kit.plugin.specs import CONTRACT, CONTRACT_ATTRIBUTE
from nlu_kit.registry import Registry
from nlu_kit.testing.clauses import Contract, NotTried, clause

HEAVY = ("torch", "transformers", "sentence_transformers", "accelerate")
_LIGHT = """
import importlib, sys
importlib.import_module(sys.argv[1])
print(" ".join(name for name in sys.argv[2:] if name in sys.modules))
"""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")


@dataclass(frozen=True)
class Trial:
    """``section`` holds the parameters as in pipeline.json, ``examples`` what a head is to learn from (None: its own
    samples)."""

    spec: Any
    section: Mapping[str, Any]
    registry: Registry
    examples: Sequence[Example] | None = None

    @cached_property
    def params(self) -> Any:
        """The validated parameters, as the check of a pipeline makes them."""
        return self.spec.params.model_validate_json(json.dumps(self.section), strict=True)

    def nested(self, kind: str, context: Any) -> Any:
        """The function that builds components inside this one's parameters."""
        return lambda component: build_nested(self.registry, kind, _component(component), context())


def _component(value: Any) -> Component:
    return value if isinstance(value, Component) else Component.model_validate(value)


class ComponentContract(Contract):
    """What holds for a component of any kind."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self.spec = trial.spec
        self.component = trial.spec.name

    @property
    def params(self) -> Any:
        """The parameters to try it with. Raises NotTried where some must be given and are not."""
        required = {name for name, field in self.spec.params.model_fields.items() if field.is_required()}
        missing = sorted(required - set(self.trial.section))
        if missing:
            raise NotTried(
                f"{', '.join(missing)} must be given: set `trial` in the spec, or pass params (on the command line "
                "--params)"
            )
        return self.trial.params

    @property
    def package(self) -> str:
        """The plugin's: where the parameters' class is, or, if that is one of nlu-kit's own, the spec's functions."""
        things = [self.spec.params, *(getattr(self.spec, field.name) for field in fields(self.spec))]
        found = [(getattr(thing, "__module__", None) or "builtins").partition(".")[0] for thing in things]
        own = [name for name in found if name not in ("__main__", "builtins", "nlu_kit")]
        if not own:
            raise NotTried("neither its parameters nor its functions are in a package")
        return own[0]

    @clause
    def described(self) -> None:
        """The spec has a name that a pipeline can use (letters, digits, `_` and `-`, a letter first) and a summary of
        one line."""
        self.require(_NAME.fullmatch(self.spec.name), f"the name is {self.spec.name!r}")
        summary = self.spec.summary
        self.require(summary.strip() and "\n" not in summary, f"the summary is {summary!r}")

    @clause
    def params_from_json(self) -> None:
        """The parameters can be made from JSON, and written to JSON and read again they are the same: a model's folder
        stores them. Parameters without a default have a value in the spec's `trial`."""
        params = self.params
        text = params.model_dump_json(by_alias=True)
        again = self.spec.params.model_validate_json(text, strict=True)
        self.require(again == params, f"{text} is read as {again!r}")

    @clause
    def params_are_closed(self) -> None:
        """An unknown parameter is an error: a slip in pipeline.json must not pass in silence."""
        section = {**self.trial.section, "no_such_parameter_": 1}
        try:
            self.spec.params.model_validate_json(json.dumps(section), strict=True)
        except ValueError as error:
            if "no_such_parameter_" in str(error):
                return
            raise NotTried("its parameters can't be made without others") from error
        self.require(False, f"{json.dumps(section)} is taken")

    @clause
    def light_to_load(self) -> None:
        """Importing the plugin's package imports neither torch nor transformers: every `nlu-kit` command does it."""
        heavy, why_not = _heavy_imports(self.package)
        if why_not:
            raise NotTried(f"'{self.package}' can't be imported by itself: {why_not}")
        self.require(not heavy, f"importing {self.package} imports {heavy}")

    @clause
    def contract_stated(self) -> None:
        """The plugin's package says for which contract it was written (`NLU_KIT_CONTRACT = 2`), so that a later nlu-kit
        can say what to do."""
        stated = getattr(sys.modules.get(self.package), CONTRACT_ATTRIBUTE, None)
        self.require(stated == CONTRACT, f"{CONTRACT_ATTRIBUTE} is {stated!r} in {self.package}")

    @clause
    def functions_keep_their_names(self) -> None:
        """No function of the spec is called like a module of the package that it stands in: Python puts that module in
        the function's place once it is imported, and when the hook is asked again, the spec holds a module."""
        for field in fields(self.spec):
            function = getattr(self.spec, field.name)
            home = sys.modules.get(getattr(function, "__module__", None) or "")
            if not isfunction(function) or not hasattr(home, "__path__"):
                continue
            twin = f"{function.__module__}.{function.__name__}"
            self.require(find_spec(twin) is None, f"`{field.name}` is a function {twin}, and there is a module {twin}")


@cache  # one package often has many components
def _heavy_imports(package: str) -> tuple[str, str]:
    """(what of HEAVY a fresh process has imported once it has imported the package, why it could not)."""
    done = subprocess.run([sys.executable, "-c", _LIGHT, package, *HEAVY], capture_output=True, text=True, check=False)
    return done.stdout.strip(), (done.stderr.strip().splitlines()[-1:] or ["it ends"])[0] if done.returncode else ""
