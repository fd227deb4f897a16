"""From trained weights to what is saved: calibration, the detector, the figures on test."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from nlu_kit.config.pipeline import Pipeline
from nlu_kit.model.confidence import calibration_errors, predicted_scope_figures
from nlu_kit.model.score import score
from nlu_kit.training.calibrate import Calibrated, uncalibrated, with_confidences, with_detector, with_shares
from nlu_kit.training.prepare import Prepared
from nlu_kit.training.validation import Validator

CONFIDENCES, DETECTOR, TEST = "calibrated confidences", "its detector", "figures on test"

Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """``test`` has the heads' figures, ``confidence`` those on confidences by split, of predictions as the finished
    model makes them. ``missing`` names what Ctrl-C left undone."""

    calibrated: Calibrated
    test: Figures = field(default_factory=dict)
    confidence: Mapping[str, Figures] = field(default_factory=dict)
    missing: Sequence[str] = ()

    def reason(self, ended: str) -> str:
        """Why the run ended, given why its training did."""
        return "interrupted" if self.missing else ended

    def notes(self, ended: str) -> list[str]:
        """What went wrong after training, which ended for the reason ``ended``."""
        notes = list(self.calibrated.notes)
        if self.missing:
            how = "" if ended == "interrupted" else f" ({ended})"
            *others, last = self.missing
            missing = f"{', '.join(others)} and {last}" if others else last
            notes.append(f"interrupted after training had ended{how}: the model is saved without {missing}")
        return notes


def finish(pipeline: Pipeline, prepared: Prepared, validator: Validator) -> Finished:
    """Calibrate, teach the detector, test.

    Ctrl-C ends it there, with what there is: trained weights are worth more than figures about them. Only in a single
    process, though: it reaches several at different moments, and they wait for each other's results.
    """
    calibrated, model = uncalibrated(prepared), prepared.objective.model
    missing = [CONFIDENCES]
    missing += [DETECTOR] if pipeline.watched is not None else []
    missing += [TEST] if len(prepared.test) else []
    test: Figures = {}
    figures: Figures = {}
    try:
        calibrated, computed = with_shares(calibrated, prepared, validator.batches(prepared.dev.encodings))
        model.correct(calibrated.corrections)
        calibrated = with_confidences(calibrated, pipeline, prepared, computed)
        missing.remove(CONFIDENCES)
        if pipeline.watched is not None:
            calibrated = with_detector(calibrated, pipeline, prepared, validator, computed)
            missing.remove(DETECTOR)
        validator.static.close()  # test has other texts
        if len(prepared.test):
            test, figures = _test(prepared, validator, calibrated)
            missing.remove(TEST)
    except KeyboardInterrupt:
        if validator.accelerator.num_processes > 1:
            raise
    model.correct(calibrated.corrections)  # also where it was interrupted before
    confidence = {split: found for split, found in (("dev", calibrated.dev), ("test", figures)) if found}
    return Finished(calibrated=calibrated, test=test, confidence=confidence, missing=missing)


def _test(prepared: Prepared, validator: Validator, calibrated: Calibrated) -> tuple[Figures, Figures]:
    """(the heads' figures on test, those on confidences)."""
    examples, codecs, scope = prepared.test.examples, calibrated.codecs, calibrated.scope
    before, after = validator.compare(prepared.test, calibrated.plain, codecs, scope)
    plain = calibration_errors(calibrated.plain, examples, before)
    figures: dict[str, float] = {}
    for head, error in calibration_errors(codecs, examples, after).items():
        if head in plain:  # without calibration, a head for sets of labels may predict none at all
            figures[f"{head}.ece_uncalibrated"] = plain[head]
        figures[f"{head}.ece"] = error
    if scope is not None:
        watched, threshold = codecs[scope.settings.head], scope.settings.threshold
        figures |= predicted_scope_figures(watched, threshold, examples, after)
    return score(codecs, examples, after), figures
