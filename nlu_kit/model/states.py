"""What codecs need beyond the weights, fitted on dev."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from nlu_kit.data.dataset import Targets
from nlu_kit.errors import PluginError
from nlu_kit.model.predict import Computed
from nlu_kit.model.protocols import Codec


def calibrated_states(
    codecs: Mapping[str, Codec],
    trained: Mapping[str, Mapping[str, Any]],
    computed: Sequence[Computed],
    targets: Sequence[Targets],
) -> dict[str, dict[str, Any]]:
    """Each head's state as the model folder holds it: what it has from training, and what ``calibrate`` fits.

    ``computed`` and ``targets`` are of the same texts. Raises PluginError for what is no JSON.
    """
    states = {}
    for name, codec in codecs.items():
        outputs, wanted = [text.outputs[name] for text in computed], [target[name] for target in targets]
        state = {**trained[name], **codec.calibrate(outputs, wanted)}
        try:
            states[name] = json.loads(json.dumps(state, allow_nan=False))
        except (TypeError, ValueError) as error:
            raise PluginError(f"contract: the state of the head '{name}' must be JSON: {error}") from error
    return states
