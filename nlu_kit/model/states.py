"""What codecs need beyond the weights, fitted on dev."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from nlu_kit.data.dataset import Targets
from nlu_kit.errors import PluginError
from nlu_kit.heads.codec import Codecs
from nlu_kit.model.compute import Computed


def calibrated_states(
    codecs: Codecs, computed: Sequence[Computed], targets: Sequence[Targets]
) -> dict[str, dict[str, Any]]:
    """What each codec's ``calibrate`` fits, as the model folder holds it.

    ``computed`` and ``targets`` are of the same texts. Raises PluginError for what is no JSON, or not of the shape that
    the codec says (``Codec.State``).
    """
    states = {}
    for name, codec in codecs.items():
        outputs, wanted = [text.outputs[name] for text in computed], [target[name] for target in targets]
        try:
            state = json.dumps(dict(codec.calibrate(outputs, wanted)), allow_nan=False)
            codec.State.model_validate_json(state, strict=True)
        except (TypeError, ValueError) as error:
            raise PluginError(
                f"contract: calibrate() of the head '{name}' must give JSON in the shape of its State: {error}"
            ) from error
        states[name] = json.loads(state)
    return states
