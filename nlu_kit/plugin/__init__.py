"""All that an author imports, in one line: ``from nlu_kit.plugin import HeadSpec, LabelCodec, Params, hookimpl, lazy``.

What needs numpy or torch is imported when it is asked for, so that a plugin that names its classes with ``lazy`` costs
`nlu-kit --help` nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from nlu_kit.assets import Assets as Assets
from nlu_kit.assets import StoredTensor as StoredTensor
from nlu_kit.data.example import Entity as Entity
from nlu_kit.data.example import Example as Example
from nlu_kit.data.labels import IGNORE as IGNORE
from nlu_kit.data.labels import LabelSpace as LabelSpace
from nlu_kit.data.prediction import EntityPrediction as EntityPrediction
from nlu_kit.data.prediction import LabelPrediction as LabelPrediction
from nlu_kit.data.prediction import Prediction as Prediction
from nlu_kit.errors import ConfigError as ConfigError
from nlu_kit.errors import DataError as DataError
from nlu_kit.errors import ModelError as ModelError
from nlu_kit.errors import NothingToLearnError as NothingToLearnError
from nlu_kit.errors import PluginError as PluginError
from nlu_kit.errors import Problem as Problem
from nlu_kit.errors import did_you_mean as did_you_mean
from nlu_kit.params import Component as Component
from nlu_kit.params import Nested as Nested
from nlu_kit.params import Params as Params
from nlu_kit.plugin.contracts import BackboneContext as BackboneContext
from nlu_kit.plugin.contracts import BalancingContext as BalancingContext
from nlu_kit.plugin.contracts import Callback as Callback
from nlu_kit.plugin.contracts import CallbackContext as CallbackContext
from nlu_kit.plugin.contracts import Detector as Detector
from nlu_kit.plugin.contracts import DetectorContext as DetectorContext
from nlu_kit.plugin.contracts import DetectorFeatures as DetectorFeatures
from nlu_kit.plugin.contracts import DetectorParams as DetectorParams
from nlu_kit.plugin.contracts import Freezing as Freezing
from nlu_kit.plugin.contracts import FreezingContext as FreezingContext
from nlu_kit.plugin.contracts import Layer as Layer
from nlu_kit.plugin.contracts import LossContext as LossContext
from nlu_kit.plugin.contracts import ParameterGroup as ParameterGroup
from nlu_kit.plugin.contracts import Sampler as Sampler
from nlu_kit.plugin.contracts import SamplerContext as SamplerContext
from nlu_kit.plugin.deferred import lazy as lazy
from nlu_kit.plugin.hooks import hookimpl as hookimpl
from nlu_kit.plugin.objectives import DataReport as DataReport
from nlu_kit.plugin.objectives import Item as Item
from nlu_kit.plugin.objectives import ObjectiveContext as ObjectiveContext
from nlu_kit.plugin.objectives import ObjectiveParams as ObjectiveParams
from nlu_kit.plugin.objectives import Split as Split
from nlu_kit.plugin.specs import CONTRACT as CONTRACT
from nlu_kit.plugin.specs import BackboneSpec as BackboneSpec
from nlu_kit.plugin.specs import BalancingSpec as BalancingSpec
from nlu_kit.plugin.specs import CallbackSpec as CallbackSpec
from nlu_kit.plugin.specs import DetectorSpec as DetectorSpec
from nlu_kit.plugin.specs import FreezingSpec as FreezingSpec
from nlu_kit.plugin.specs import HeadSpec as HeadSpec
from nlu_kit.plugin.specs import LossSpec as LossSpec
from nlu_kit.plugin.specs import ObjectiveSpec as ObjectiveSpec
from nlu_kit.plugin.specs import ReaderSpec as ReaderSpec
from nlu_kit.plugin.specs import SamplerSpec as SamplerSpec

if TYPE_CHECKING:
    from nlu_kit.data.batch import TokenBatch as TokenBatch
    from nlu_kit.data.batch import collate_tokens as collate_tokens
    from nlu_kit.data.encoding import Encoding as Encoding
    from nlu_kit.data.encoding import Tokenizer as Tokenizer
    from nlu_kit.data.encoding import Word as Word
    from nlu_kit.data.legible import legible as legible
    from nlu_kit.data.lines import holds_plain_texts as holds_plain_texts
    from nlu_kit.data.lines import is_jsonl as is_jsonl
    from nlu_kit.data.lines import json_type as json_type
    from nlu_kit.data.lines import parse_record as parse_record
    from nlu_kit.data.lines import plain_texts as plain_texts
    from nlu_kit.data.lines import record_text as record_text
    from nlu_kit.data.lines import text_lines as text_lines
    from nlu_kit.data.tables import TableRow as TableRow
    from nlu_kit.data.tables import table_rows as table_rows
    from nlu_kit.data.words import SHAPES as SHAPES
    from nlu_kit.files import JsonError as JsonError
    from nlu_kit.files import read_json as read_json
    from nlu_kit.files import sha256 as sha256
    from nlu_kit.heads.codec import Codec as Codec
    from nlu_kit.heads.codec import CodecContext as CodecContext
    from nlu_kit.heads.codec import HeadContext as HeadContext
    from nlu_kit.heads.label import LabelCodec as LabelCodec
    from nlu_kit.heads.label_set import LabelSetCodec as LabelSetCodec
    from nlu_kit.heads.modules import Encoded as Encoded
    from nlu_kit.heads.modules import Head as Head
    from nlu_kit.heads.modules import Loss as Loss
    from nlu_kit.heads.modules import SentenceClassifier as SentenceClassifier
    from nlu_kit.heads.params import LabelParams as LabelParams
    from nlu_kit.heads.params import LabelSetParams as LabelSetParams
    from nlu_kit.heads.params import LabelTexts as LabelTexts
    from nlu_kit.heads.params import OneLabelParams as OneLabelParams
    from nlu_kit.heads.params import SentenceParams as SentenceParams
    from nlu_kit.heads.params import SpanParams as SpanParams
    from nlu_kit.heads.params import TemperatureState as TemperatureState
    from nlu_kit.heads.spans import SpanCodec as SpanCodec
    from nlu_kit.metrics.calibration import HIGHEST as HIGHEST
    from nlu_kit.metrics.calibration import LOWEST as LOWEST
    from nlu_kit.metrics.calibration import fit_temperature as fit_temperature
    from nlu_kit.metrics.classification import label_row as label_row
    from nlu_kit.metrics.counts import Counts as Counts
    from nlu_kit.metrics.counts import accuracy as accuracy
    from nlu_kit.metrics.counts import set_counts as set_counts
    from nlu_kit.metrics.numerics import log_softmax as log_softmax
    from nlu_kit.metrics.numerics import logsumexp as logsumexp
    from nlu_kit.metrics.numerics import sigmoid as sigmoid
    from nlu_kit.metrics.numerics import softmax as softmax
    from nlu_kit.metrics.report import HeadReport as HeadReport
    from nlu_kit.metrics.report import LabelScore as LabelScore
    from nlu_kit.plugin.events import EpochEnd as EpochEnd
    from nlu_kit.plugin.events import RunEnd as RunEnd
    from nlu_kit.plugin.events import RunStart as RunStart
    from nlu_kit.plugin.events import Sample as Sample
    from nlu_kit.plugin.events import StepEnd as StepEnd
    from nlu_kit.plugin.modules import Backbone as Backbone
    from nlu_kit.plugin.modules import Balancing as Balancing
    from nlu_kit.plugin.modules import PretrainingObjective as PretrainingObjective
    from nlu_kit.plugin.modules import check_stored as check_stored
    from nlu_kit.plugin.modules import evaluating as evaluating
    from nlu_kit.plugin.modules import sentence_vectors as sentence_vectors
    from nlu_kit.plugin.modules import stack_targets as stack_targets
    from nlu_kit.plugin.modules import word_table as word_table

_LATER = {
    "nlu_kit.data.batch": "TokenBatch collate_tokens",
    "nlu_kit.data.encoding": "Encoding Tokenizer Word",
    "nlu_kit.data.legible": "legible",
    "nlu_kit.data.lines": "holds_plain_texts is_jsonl json_type parse_record plain_texts record_text text_lines",
    "nlu_kit.data.tables": "TableRow table_rows",
    "nlu_kit.data.words": "SHAPES",
    "nlu_kit.files": "JsonError read_json sha256",
    "nlu_kit.heads.codec": "Codec CodecContext HeadContext",
    "nlu_kit.heads.label": "LabelCodec",
    "nlu_kit.heads.label_set": "LabelSetCodec",
    "nlu_kit.heads.modules": "Encoded Head Loss SentenceClassifier",
    "nlu_kit.heads.params": "LabelParams LabelSetParams LabelTexts OneLabelParams SentenceParams SpanParams "
    "TemperatureState",
    "nlu_kit.heads.spans": "SpanCodec",
    "nlu_kit.metrics.calibration": "HIGHEST LOWEST fit_temperature",
    "nlu_kit.metrics.classification": "label_row",
    "nlu_kit.metrics.counts": "Counts accuracy set_counts",
    "nlu_kit.metrics.numerics": "log_softmax logsumexp sigmoid softmax",
    "nlu_kit.metrics.report": "HeadReport LabelScore",
    "nlu_kit.plugin.events": "EpochEnd RunEnd RunStart Sample StepEnd",
    "nlu_kit.plugin.modules": "Backbone Balancing PretrainingObjective check_stored evaluating sentence_vectors "
    "stack_targets word_table",
}
_WHERE = {name: module for module, names in _LATER.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'nlu_kit.plugin' has no attribute '{name}'")
    return getattr(import_module(_WHERE[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
