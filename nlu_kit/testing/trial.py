"""What a component is tried with, and the clauses that every kind has. No torch."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from nlu_kit.config.nested import build_nested
from nlu_kit.data.example import Example
from nlu_kit.errors import NluKitError
from nlu_kit.registry import Registry
from nlu_kit.specs import CONTRACT, CONTRACT_ATTRIBUTE, Component
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
        return self.trial.params

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
        missing = {name for name, field in self.spec.params.model_fields.items() if field.is_required()}
        if missing - set(self.trial.section):
            raise NotTried(
                f"{', '.join(sorted(missing))} must be given: set `trial` in the spec, or pass params (on the command "
                "line --params)"
            )
        params = self.trial.params
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
        package = self.spec.params.__module__.partition(".")[0]
        if package in ("__main__", "builtins"):
            raise NotTried("the parameters' class is not in a package")
        done = subprocess.run(
            [sys.executable, "-c", _LIGHT, package, *HEAVY], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NotTried(f"'{package}' can't be imported by itself: {done.stderr.strip().splitlines()[-1]}")
        self.require(not done.stdout.strip(), f"importing {package} imports {done.stdout.strip()}")

    @clause
    def contract_stated(self) -> None:
        """The plugin's package says for which contract it was written (`NLU_KIT_CONTRACT = 1`), so that a later nlu-kit
        can say what to do."""
        package = sys.modules.get(self.spec.params.__module__.partition(".")[0])
        if package is None or package.__name__ == "__main__":
            raise NotTried("the parameters' class is not in a package")
        stated = getattr(package, CONTRACT_ATTRIBUTE, None)
        self.require(stated == CONTRACT, f"{CONTRACT_ATTRIBUTE} is {stated!r} in {package.__name__}")

    def user_error(self, error: Exception) -> bool:
        """Whether the error is one that tells the user what to mend."""
        return isinstance(error, NluKitError)
