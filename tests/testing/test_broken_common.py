"""The clauses that every kind has: each kind's stubs break each of them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
from pydantic import ConfigDict, Field

from nlu_kit.params import Params
from nlu_kit.plugin.contracts import DetectorParams
from nlu_kit.plugin.hooks import KINDS
from nlu_kit.plugin.objectives import ObjectiveParams
from nlu_kit.testing import contracts
from nlu_kit.testing.trial import ComponentContract

FUNCTIONS = {"head": ("build", "codec"), "reader": ("read", "detect")}
HEAVY_IMPORT = """
import sys
NLU_KIT_CONTRACT = 2
if "pytest" not in sys.modules:  # in the process of its own; torch would take seconds
    sys.modules["torch"] = sys
"""
PARAMS = """
from nlu_kit.plugin import DetectorParams, ObjectiveParams
class MyParams(DetectorParams, ObjectiveParams):
    pass
"""
COMMON = frozenset(
    clause.name for clause in contracts()["loss"].clauses() if clause.name.replace("-", "_") in vars(ComponentContract)
)


def never(*arguments: Any) -> Any:
    raise AssertionError("no common clause needs this")


def spec_of(kind: str, params: type[Any], **fields: Any) -> Any:
    """A component of which only the description matters."""
    _, spec_class = KINDS[kind]
    functions = dict.fromkeys(FUNCTIONS.get(kind, ("build",)), never)
    return spec_class(**{"name": "stub", "summary": "A stub.", "params": params, **functions, **fields})


@pytest.fixture
def broken(stub_plugin: Any, plugin_file: Callable[..., ModuleType]) -> Callable[[str, str], Any]:
    """``broken(kind, clause)``: a component of that kind that breaks this common clause."""

    def make(kind: str, clause: str) -> Any:
        good = spec_of(kind, stub_plugin.EveryStubParams)
        if clause == "described":
            return replace(good, summary="One line.\nAnother.")
        if clause == "params-from-json":

            class Params(DetectorParams, ObjectiveParams):
                __module__ = stub_plugin.__name__
                limit: float = math.inf  # which JSON has no word for

            return replace(good, params=Params)
        if clause == "params-are-closed":

            class OpenParams(DetectorParams, ObjectiveParams):
                __module__ = stub_plugin.__name__
                model_config = ConfigDict(extra="ignore")

            return replace(good, params=OpenParams)
        if clause == "light-to-load":
            return replace(good, params=plugin_file(PARAMS + HEAVY_IMPORT).MyParams)
        if clause == "contract-stated":
            return replace(good, params=plugin_file(PARAMS).MyParams)
        if clause == "functions-keep-their-names":
            source = PARAMS + "NLU_KIT_CONTRACT = 2\ndef build(*_):\n    pass\n"
            plugin = plugin_file(source, {"build.py": ""})
            return replace(good, params=plugin.MyParams, **{FUNCTIONS.get(kind, ("build",))[0]: plugin.build})
        raise AssertionError(f"no stub breaks the common clause '{clause}': add one")

    return make


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("clause", sorted(COMMON))
def test_each_kinds_common_clauses_can_fail(kind: str, clause: str, broken: Any, assert_breaks: Any) -> None:
    apart = {"light-to-load"} - {clause}  # a process of its own for each: not where it is not about that
    assert_breaks(broken(kind, clause), clause, only=COMMON - apart)


@pytest.mark.parametrize("name", ["9 lives", "a/b", "_x", "ünlü"])
def test_a_name_must_suit_a_pipeline(name: str, stub_plugin: Any, violations: Callable[..., dict[str, str]]) -> None:
    found = violations(replace(spec_of("loss", stub_plugin.StubParams), name=name), COMMON)
    assert set(found) == {"described"}


def test_who_has_no_parameters_may_take_nlu_kits_own_class(violations: Callable[..., dict[str, str]]) -> None:
    found = violations(spec_of("sampler", Params), COMMON)
    assert set(found) == {"contract-stated"}, "its functions tell which plugin it is"
    assert "NLU_KIT_CONTRACT is None in tests" in found["contract-stated"]


def test_required_parameters_without_a_trial_leave_clauses_untried(
    stub_plugin: Any, violations: Callable[..., dict[str, str]]
) -> None:
    class Params(DetectorParams):
        __module__ = stub_plugin.__name__
        strength: float = Field(description="How much.")

    spec = spec_of("sampler", Params)
    assert violations(spec) == {}
    assert set(violations(replace(spec, trial={"strength": "much"}))) >= {"params-from-json"}


def test_a_whole_component_can_be_checked_at_once(stub_plugin: Any) -> None:
    from nlu_kit.errors import PluginError
    from nlu_kit.registry import Registry
    from nlu_kit.testing import ContractViolation, check_contract

    check_contract("sampler", "random")
    with pytest.raises(PluginError, match="did you mean 'random'"):
        check_contract("sampler", "randon")
    with pytest.raises(PluginError, match="did you mean 'sampler'"):
        check_contract("samplers", "random")

    from nlu_kit.plugin.hooks import hookimpl

    class Plugin:
        NLU_KIT_CONTRACT = 2

        @hookimpl
        def nlu_kit_balancing(self) -> list[Any]:
            return [replace(spec_of("balancing", stub_plugin.StubParams), summary="")]

    with pytest.raises(ContractViolation) as error:
        check_contract("balancing", "stub", registry=Registry.of({"mine": Plugin()}))
    assert str(error.value).count("breaks the contract") > 1
    assert "clause described" in str(error.value)
    assert "it raised AssertionError: no common clause needs this" in str(error.value)
