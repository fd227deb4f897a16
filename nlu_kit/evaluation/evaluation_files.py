"""Write an evaluation's files, each as a whole, and the JUnit file that a CI system reads."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from nlu_kit.errors import DataError, Problem
from nlu_kit.evaluation.gates import MINIMUM, OPTIONS
from nlu_kit.evaluation.summary import Summary
from nlu_kit.files import overwritten, write_whole
from nlu_kit.report.numbers import percent


def prepare_folder(folder: Path, option: str = "--output") -> None:
    """Before anything is computed. Raises DataError where the folder can't be made, or nothing can be written in it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = "there is a file in its way" if isinstance(error, FileExistsError) else error.strerror
        raise DataError(f"no results can be written in {folder}: {reason}; set {option}") from error


def prepare_file(file: Path, option: str, *, written: Sequence[Path], read: Sequence[Path]) -> None:
    """The same for one more file. Raises DataError, too, where it is one of those to be ``written`` beside it, is one
    of the files or in one of the folders that are ``read``, or is a device or a pipe."""
    place = file.resolve()
    for other in written:
        if place == other.resolve():
            raise DataError(f"{option} {file} would overwrite {other}; name another file")
    refuse_inputs([file], option, read=read)
    if file.exists() and not file.is_file():
        raise DataError(f"{option} {file} is no regular file; name one")
    prepare_folder(file.parent, option)


def refuse_inputs(files: Sequence[Path], option: str, *, read: Sequence[Path]) -> None:
    """Raises DataError where one of ``files``, which are to be written, is there and is one of the files or in one of
    the folders that are ``read``, also by a link."""
    for file in files:
        over = overwritten(file, read)
        if over is not None:
            raise DataError(f"{file} would overwrite {over}, which is read; set {option} to another place")


def write_files(texts: Mapping[Path, str]) -> list[Path]:
    """Each file is replaced in one step. Raises DataError, naming the file, where that can't be done."""
    for file, text in texts.items():
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            write_whole(file, text)
        except OSError as error:
            raise DataError(f"{file} can't be written: {error.strerror or error}") from error
    return list(texts)


def json_text(value: Any) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def junit_text(summary: Summary, unchecked: Sequence[Problem] = ()) -> str:
    """The file's text. Figures without a gate are cases that pass; all figures are properties of the suite.
    ``unchecked``: what is wrong with gates that were not checked."""
    gates: dict[str, list[dict[str, object]]] = {}
    for gate in summary["gates"]:
        gates.setdefault(gate["metric"], []).append(gate)
    names = list(dict.fromkeys([*summary["main"], *gates]))
    failed = [name for name in names if any(not gate["passed"] for gate in gates.get(name, ()))]
    facts = {"tests": str(len(names) + len(unchecked)), "failures": str(len(failed)), "errors": str(len(unchecked))}
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
                beyond = "below" if gate["bound"] == MINIMUM else "above"
                limit = f"{gate['bound']} of {100 * float(str(gate['limit'])):g} %"
                message = f"{name} is {percent(value)} %, {beyond} the {limit}"
                kind = OPTIONS[str(gate["bound"])].strip("-")
                ElementTree.SubElement(case, "failure", {"message": message, "type": kind}).text = message
        ElementTree.SubElement(case, "system-out").text = f"{name} {value}"
    for problem in unchecked:
        attributes = {"classname": _clean(f"nlu-kit.{summary['name']}"), "name": _clean(problem.path), "time": "0"}
        case = ElementTree.SubElement(suite, "testcase", attributes)
        error = {"message": _clean(problem.message), "type": "unknown-figure"}
        ElementTree.SubElement(case, "error", error).text = _clean(f"{problem.message}; {problem.hint}")
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="utf-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


def _clean(text: str) -> str:
    """Without what XML has no way to write."""
    return "".join(
        c if c in "\t\n\r" or (c >= " " and not "\ud800" <= c <= "\udfff" and c not in "\ufffe\uffff") else "�"
        for c in text
    )
