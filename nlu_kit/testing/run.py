"""Which clauses there are for a kind, and all of them for one component."""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from nlu_kit.data.example import Example
from nlu_kit.errors import PluginError, did_you_mean
from nlu_kit.registry import Registry
from nlu_kit.testing.clauses import Check, Contract, ContractViolation, NotTried
from nlu_kit.testing.trial import Trial

# kind -> where its clauses are; imported when asked for, since half of them need torch
_CONTRACTS = {
    "backbone": ("nlu_kit.testing.backbone", "BackboneContract"),
    "head": ("nlu_kit.testing.head", "HeadContract"),
    "loss": ("nlu_kit.testing.loss", "LossContract"),
    "balancing": ("nlu_kit.testing.balancing", "BalancingContract"),
    "sampler": ("nlu_kit.testing.sampler", "SamplerContract"),
    "freezing": ("nlu_kit.testing.freezing", "FreezingContract"),
    "detector": ("nlu_kit.testing.detector", "DetectorContract"),
    "reader": ("nlu_kit.testing.reader", "ReaderContract"),
    "callback": ("nlu_kit.testing.callback", "CallbackContract"),
    "objective": ("nlu_kit.testing.objective", "ObjectiveContract"),
}


def contracts() -> dict[str, type[Contract]]:
    """The clauses of every kind."""
    return {kind: _contract(kind) for kind in _CONTRACTS}


def contract_checks(
    kind: str,
    name: str,
    *,
    params: Mapping[str, Any] | None = None,
    examples: Sequence[Example] | None = None,
    registry: Registry | None = None,
) -> list[Check]:
    """Every clause for the component ``name`` of ``kind``, each to be called.

    ``params`` are its parameters as in pipeline.json (default: the spec's ``trial``); ``examples`` are annotated ones
    for a head to learn from (default: the head spec's ``samples``, else utterances with intents and entities);
    ``registry`` has the component (default: all that is installed). Raises PluginError where it has none.
    """
    if kind not in _CONTRACTS:
        hint = did_you_mean(kind, _CONTRACTS) + f"kinds: {', '.join(_CONTRACTS)}"
        raise PluginError(f"unknown kind '{kind}': {hint}")
    registry = registry if registry is not None else Registry.load()
    provided = registry.get(kind, name)
    section = dict(provided.spec.trial if params is None else params)
    trial = Trial(spec=provided.spec, section=section, registry=registry, examples=examples)
    contract: Any = _contract(kind)
    checks: list[Check] = contract(trial).checks()
    return checks


def check_contract(
    kind: str,
    name: str,
    *,
    params: Mapping[str, Any] | None = None,
    examples: Sequence[Example] | None = None,
    registry: Registry | None = None,
) -> None:
    """Try every clause. Raises ContractViolation with all that are broken. Arguments as for ``contract_checks``."""
    broken = []
    for check in contract_checks(kind, name, params=params, examples=examples, registry=registry):
        try:
            check()
        except NotTried:
            continue
        except ContractViolation as violation:
            broken.append(str(violation))
    if broken:
        raise ContractViolation("\n\n".join(broken))


def _contract(kind: str) -> type[Contract]:
    module, name = _CONTRACTS[kind]
    found: type[Contract] = getattr(importlib.import_module(module), name)
    return found
