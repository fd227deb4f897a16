"""reference/contracts.md: every clause that `nlu-kit plugins check` tries, by kind."""

from __future__ import annotations

from nlu_kit.plugin.specs import CONTRACT
from nlu_kit.registry import Registry
from nlu_kit.testing import Clause, contracts

from .markdown import join

INTRO = f"""# Contracts

What a component of each kind must do, clause by clause, in contract {CONTRACT}. `nlu-kit plugins check NAME` tries
every clause on what is installed; `nlu_kit.testing.contract_checks` gives them to your own tests, and a clause that is
broken names itself and its place on this page. The page is generated from these checks; nlu-kit's own components pass
them in its test suite. How to write a plugin is in {{doc}}`../writing-plugins`, what the hooks hand over in
{{doc}}`hooks`."""


def page(registry: Registry) -> str:
    """The page; what is installed makes no difference."""
    names = [{clause.name for clause in contract.clauses()} for contract in contracts().values()]
    common = set.intersection(*names)
    blocks = [INTRO]
    for kind, contract in contracts().items():
        blocks.append(f"(contract-{kind})=\n## {kind}")
        blocks += [_clause(clause) for clause in contract.clauses() if clause.name not in common]
        blocks.append("Besides, what every kind has:")
        blocks += [_clause(clause) for clause in contract.clauses() if clause.name in common]
    return join(blocks)


def _clause(clause: Clause) -> str:
    return f"({clause.anchor})=\n**{clause.name}.** {clause.says}"
