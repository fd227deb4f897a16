"""Stub components, of a plugin that is a module by itself, and what their contract finds broken in them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from nlu_kit.params import Params
from nlu_kit.plugin.contracts import DetectorParams
from nlu_kit.plugin.hooks import KINDS, hookimpl
from nlu_kit.plugin.objectives import ObjectiveParams
from nlu_kit.plugin.specs import CONTRACT, CONTRACT_ATTRIBUTE
from nlu_kit.registry import Registry
from nlu_kit.testing import ContractViolation, NotTried, contract_checks, contracts
from nlu_kit.testing.clauses import PAGE
from nlu_kit.testing.trial import ComponentContract

Violations = Callable[..., dict[str, str]]


@pytest.fixture(scope="session")
def stub_plugin() -> Iterator[ModuleType]:
    """The module that the stubs' parameters are in: ``stub_plugin.StubParams``, ``stub_plugin.EveryStubParams``, which
    suit every kind."""
    module: Any = ModuleType("nlu_kit_stub")
    module.NLU_KIT_CONTRACT = CONTRACT
    sys.modules[module.__name__] = module
    for name, bases in (("StubParams", (Params,)), ("EveryStubParams", (DetectorParams, ObjectiveParams))):
        setattr(module, name, type(name, bases, {"__module__": module.__name__, "__doc__": "None."}))
    yield module
    del sys.modules[module.__name__]


def registry_of(spec: Any) -> Registry:
    """The stub, and the bundled components that it may need."""
    hook_name, _ = KINDS[spec.kind]

    def components(self: object) -> list[Any]:
        return [spec]

    plugin = type("Stub", (), {CONTRACT_ATTRIBUTE: CONTRACT, hook_name: hookimpl(components, specname=hook_name)})()
    needed = list(Registry.load().all("loss")) if spec.kind == "head" else []

    def losses(self: object) -> list[Any]:
        return [provided.spec for provided in needed]

    others = type(
        "Others", (), {CONTRACT_ATTRIBUTE: CONTRACT, "nlu_kit_losses": hookimpl(losses, specname="nlu_kit_losses")}
    )()
    return Registry.of({"stub": plugin, "others": others})


@pytest.fixture(scope="session")
def violations() -> Violations:
    """``violations(spec)``: what is said of each broken clause, by its name."""

    def run(spec: Any, only: frozenset[str] | None = None) -> dict[str, str]:
        found = {}
        for check in contract_checks(spec.kind, spec.name, registry=registry_of(spec)):
            if only is not None and check.clause.name not in only:
                continue
            try:
                check()
            except NotTried:
                continue
            except ContractViolation as violation:
                found[check.clause.name] = str(violation)
        return found

    return run


@pytest.fixture(scope="session")
def assert_breaks(violations: Violations) -> Callable[..., None]:
    """``assert_breaks(spec, "padding")``: this clause is broken, and no other (but those in ``also``)."""

    def run(spec: Any, clause: str, *, also: tuple[str, ...] = (), only: frozenset[str] | None = None) -> None:
        found = violations(spec, only)
        assert set(found) == {clause, *also}, "\n".join(found.values())
        assert f"clause {clause}: " in found[clause]
        assert found[clause].endswith(f"read: {PAGE}#contract-{spec.kind}-{clause}")
        assert spec.name in found[clause]

    return run


@pytest.fixture(scope="session")
def own_clauses() -> Callable[[str], set[str]]:
    """``own_clauses("head")``: the names of the clauses that not every kind has."""
    common = {name.replace("_", "-") for name in vars(ComponentContract)}
    return lambda kind: {clause.name for clause in contracts()[kind].clauses()} - common


@pytest.fixture
def plugin_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """``plugin_file(source)``: a plugin that other processes can import, too."""
    made: list[str] = []

    def make(source: str, extra: Mapping[str, str] | None = None) -> ModuleType:
        import importlib

        name = f"nlu_kit_stub_{tmp_path.name.replace('-', '_')}"
        folder = tmp_path / name
        folder.mkdir()
        for file, text in {"__init__.py": source, **(extra or {})}.items():
            (folder / file).write_text(text, encoding="utf-8")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setenv("PYTHONPATH", str(tmp_path))
        made.append(name)
        return importlib.import_module(name)

    yield make
    for name in made:
        for module in [m for m in sys.modules if m.partition(".")[0] == name]:
            del sys.modules[module]
