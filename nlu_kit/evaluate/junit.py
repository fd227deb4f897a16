"""A JUnit file, which CI systems show: a case per main figure and gate, a failure where one did not hold."""

from __future__ import annotations

from xml.etree import ElementTree

from nlu_kit.evaluate.summary import Summary
from nlu_kit.report.numbers import percent


def junit_text(summary: Summary) -> str:
    """The file's text. Figures without a gate are cases that pass; all figures are properties of the suite."""
    gates: dict[str, list[dict[str, object]]] = {}
    for gate in summary["gates"]:
        gates.setdefault(gate["metric"], []).append(gate)
    names = list(dict.fromkeys([*summary["main"], *gates]))
    failed = [name for name in names if any(not gate["passed"] for gate in gates.get(name, ()))]
    facts = {"tests": str(len(names)), "failures": str(len(failed)), "errors": "0"}
    root = ElementTree.Element("testsuites", {"name": "nlu-kit evaluate", **facts})
    suite_facts = {**facts, "skipped": "0", "timestamp": summary["created"]}
    suite = ElementTree.SubElement(root, "testsuite", {"name": _clean(f"nlu-kit {summary['name']}"), **suite_facts})
    properties = ElementTree.SubElement(suite, "properties")
    described = {"model": summary["model"] or "", "data": summary["data"], "utterances": summary["utterances"]}
    for name, value in (described | {n: f["value"] for n, f in summary["figures"].items()}).items():
        ElementTree.SubElement(properties, "property", {"name": name, "value": _clean(str(value))})
    for name in names:
        attributes = {"classname": _clean(f"nlu-kit.{summary['name']}"), "name": name, "time": "0"}
        case = ElementTree.SubElement(suite, "testcase", attributes)
        value = summary["figures"][name]["value"]
        for gate in gates.get(name, ()):
            if not gate["passed"]:
                message = f"{name} is {percent(value)} %, below the minimum of {100 * float(str(gate['minimum'])):g} %"
                ElementTree.SubElement(case, "failure", {"message": message, "type": "fail-under"}).text = message
        ElementTree.SubElement(case, "system-out").text = f"{name} {value}"
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    """Without what XML has no way to write."""
    return "".join(
        c if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff") else "�"
        for c in text
    )
