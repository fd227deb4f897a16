"""The shape of pipeline.json. Components are ``{"type": …}`` sections that the installed plugins validate later."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from nlu_kit.params import Component

HEAD_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")

_TORCHS_OWN = """
    T_destination add_module apply bfloat16 buffers call_super_init children clear compile cpu cuda double
    dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter get_submodule half ipu items
    keys load_state_dict modules mtia named_buffers named_children named_modules named_parameters parameters pop
    register_backward_hook register_buffer register_forward_hook register_forward_pre_hook
    register_full_backward_hook register_full_backward_pre_hook register_load_state_dict_post_hook
    register_load_state_dict_pre_hook register_module register_parameter register_state_dict_post_hook
    register_state_dict_pre_hook requires_grad_ set_extra_state set_submodule share_memory state_dict to to_empty
    smart_apply train training type update values xpu zero_grad
"""
RESERVED_HEAD_NAMES = frozenset(_TORCHS_OWN.split())
"""Attributes of ``torch.nn.ModuleDict``, under which torch takes no module; transformers adds ``smart_apply``. Written
out, because the check loads no torch."""


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class HeadConfig(Component):
    """A head's section: its type, its loss, and the parameters of that type."""

    loss: Component | None = Field(
        default=None, description="The head's loss; when absent, the head type's own default."
    )


class DataConfig(_Section):
    """Where the examples are. Relative paths start at the folder of pipeline.json."""

    train: str = Field(description="File or folder with the training examples.")
    dev: str | None = Field(
        default=None,
        description="Examples to choose the best epoch by, and to calibrate on; when absent, a share of train, if that "
        "is enough to choose by.",
    )
    test: str | None = Field(default=None, description="Examples read once, after training, for the final figures.")
    dev_fraction: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Share of train that becomes dev if dev is absent. When absent too, a tenth; but nothing where "
        "that is fewer than 140 examples, which teach more than they tell.",
    )
    out_of_scope: list[str] = Field(
        default=["oos", "out_of_scope"],
        description="Examples with these intents are out of scope: they train no intent, and tune the detector.",
    )
    reader: Component = Field(
        default=Component(type="auto"),
        description="The format; 'auto' asks every installed reader whether it recognises the path.",
    )


class LoopConfig(_Section):
    """What every training loop is told, whatever it trains. Learning rates belong to the freezing strategy."""

    batch_size: int = Field(default=32, ge=1, le=65_536, description="Examples per optimiser step, over all processes.")
    gradient_accumulation: int = Field(
        default=1,
        ge=1,
        le=65_536,
        description="Pieces each batch is computed in, at most as many as it has examples; less memory, same result.",
    )
    schedule: Literal["cosine", "linear", "constant"] = Field(
        default="cosine", description="How the learning rates fall from the strategy's values."
    )
    warmup: float = Field(
        default=0.0, ge=0, lt=1, description="Share of all steps in which the learning rates rise from 0."
    )
    weight_decay: float = Field(default=0.01, ge=0, le=10, description="AdamW's; biases and norms are exempt.")
    max_grad_norm: float = Field(default=1.0, gt=0, le=1e6, description="Gradients are clipped to this norm.")
    patience: int = Field(
        default=5, ge=1, le=1_000_000, description="Epochs without a better dev score before training stops."
    )
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field(
        default="auto",
        description="auto: bf16 (or fp16 with loss scaling) on GPUs, bf16 on CPUs with AMX or AVX512-BF16, else fp32.",
    )
    device: Literal["auto", "cpu", "cuda", "mps"] = Field(default="auto", description="Where to train.")
    threads: int | None = Field(
        default=None, ge=1, le=1024, description="CPU threads per process; when absent, one a core that may be used."
    )
    processes: int | None = Field(
        default=None, ge=1, le=65_536, description="How many processes there must be; another world size is an error."
    )
    seed: int = Field(default=42, ge=0, lt=2**32, description="Seeds weights, sampling, dropout and the dev split.")
    callbacks: list[Component] = Field(default=[], description="Further listeners to the run.")
    checkpoint_minutes: float = Field(
        default=5.0,
        ge=0,
        le=1e6,
        description="How much of a run a crash may cost: so often all that is needed to resume it goes to disk; "
        "besides, at the ends of epochs.",
    )
    on_nan: Literal["halt", "skip"] = Field(
        default="halt",
        description="What to do where a loss or gradient is no number. halt: end with the best epoch so far; skip: "
        "leave that step out. The batch's texts go to not-a-number.jsonl in the run's folder either way.",
    )
    nan_skips: int = Field(
        default=10, ge=0, le=1_000_000, description="How many steps on_nan=skip may leave out before it halts."
    )
    checkpoints: int = Field(default=2, ge=1, le=100, description="How many of these are kept, the last ones.")

    @field_validator("gradient_accumulation")
    @classmethod
    def _pieces_hold_something(cls, pieces: int, info: ValidationInfo) -> int:
        size = info.data.get("batch_size")  # absent where it is wrong itself
        if size is not None and pieces > size:
            raise ValueError(f"more pieces than the batch has examples (training.batch_size is {size})")
        return pieces


class TeacherConfig(_Section):
    """A trained model whose outputs the heads learn as well. Relative paths start at the folder of pipeline.json."""

    model: str = Field(min_length=1, description="The folder of the trained model, which has the same labels.")
    weight: float = Field(
        default=0.5, gt=0, le=1, description="The teacher's share of each head's loss; the rest is the annotation's."
    )
    temperature: float = Field(
        default=2.0,
        gt=0,
        le=100,
        description="What both sides' logits are divided by; the higher, the more the less likely labels count.",
    )
    unlabelled: list[str] = Field(
        default=[],
        max_length=10_000,
        description="Texts without annotation that the teacher answers: .txt, gzipped, folders of these, or corpora.",
    )


class TrainingConfig(LoopConfig):
    """How training runs. Learning rates belong to the freezing strategy."""

    epochs: int | None = Field(
        default=None,
        ge=0,
        le=1_000_000,
        description="How often it goes through the data, at most; the schedule anneals over this many epochs. When "
        "absent, as often as the number of steps asks for: more often the fewer examples there are. 0 leaves heads at "
        "the fit that they begin at, and the encoder as it is.",
    )
    model_selection: Literal["auto", "best", "last"] = Field(
        default="auto",
        description="Which epoch's weights become the model. best: that with the best dev score, and training ends "
        "early; last: the last one's. auto: best, where dev has at least 140 examples, else last.",
    )
    fgm: float | None = Field(
        default=None,
        gt=0,
        lt=1,
        description="Adversarial training by the fast gradient method: each batch goes through a second time, with "
        "every text's word vectors (or what static layers put out) moved by this share of their length to where the "
        "loss rises most. It can make entities better, for almost twice the time; try 0.03. When absent, none.",
    )
    monitor: str = Field(
        default="mean",
        description="The dev score: 'mean' of every head's main metric, 'exact_match', or one metric as 'head.metric'.",
    )
    static_cache_mb: int | None = Field(
        default=None,
        ge=0,
        le=2**24,
        description="Memory for the output of layers that never train again, per process; more goes to disk, "
        "0 switches it off. When absent, a quarter of the free memory.",
    )
    export: bool = Field(
        default=True,
        description="Write the network as an ONNX graph as well, which predicts without torch. It is kept if it "
        "decides as torch does on dev.",
    )
    teacher: TeacherConfig | None = Field(
        default=None, description="A trained model to learn from as well; when absent, none."
    )
    sanity_examples: int = Field(
        default=3, ge=0, le=1000, description="Dev utterances decoded after each epoch, gold beside."
    )
    card_examples: int = Field(
        default=3,
        ge=0,
        le=100,
        description="Dev utterances that the model card shows and the server's page offers; 0 where texts are private.",
    )


class DecodingConfig(_Section):
    """How outputs become predictions."""

    prior_correction: bool | Annotated[float, Field(ge=0, le=10)] = Field(
        default=True,
        description="Take back what class weights and the sampler did to how often each class is predicted. true: the "
        "share of it that does best on dev; a number: that share of it (1 is all); false: nothing.",
    )


def _head_names(heads: dict[str, HeadConfig]) -> dict[str, HeadConfig]:
    for name in heads:
        if not HEAD_NAME.fullmatch(name):
            raise ValueError(f"'{name}' can't name a head: letters, digits, '_' and '-' only, a letter first")
        if name in RESERVED_HEAD_NAMES:
            raise ValueError(f"'{name}' can't name a head: torch uses it for itself; take another, such as '{name}_1'")
    return heads


class PipelineConfig(_Section):
    """All of pipeline.json. What is absent takes the installed default of its kind."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    schema_: str | None = Field(default=None, alias="$schema", description="For editors; nlu-kit ignores it.")
    base: str | None = Field(
        default=None, description="Where relative paths start, seen from the file; when absent, at its folder."
    )
    name: str = Field(default="nlu", pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", description="Names the run's folder.")
    data: DataConfig = Field(description="Where the examples are.")
    backbone: Component | None = Field(default=None, description="The shared encoder.")
    heads: Annotated[dict[str, HeadConfig], AfterValidator(_head_names)] | None = Field(
        default=None, min_length=1, description="The tasks, under names of your choice."
    )
    recipe: Literal["auto", "standard", "few_examples"] = Field(
        default="auto",
        description="Which defaults hold: few_examples are those for a handful of examples a label, standard the ones "
        "named here. auto: few_examples where half of a head's labels have at most 50. What the pipeline sets wins.",
    )
    balancing: Component | None = Field(default=None, description="How the heads' losses become one.")
    sampler: Component | None = Field(default=None, description="Which examples make which batch.")
    freezing: Component | None = Field(default=None, description="Which parameters train, at which learning rate.")
    detector: Component | None = Field(
        default=None,
        description="What tells that none of the intents is meant; null: nothing does. When absent, the default where "
        "there is a head with one label per sentence.",
    )
    training: TrainingConfig = Field(default=TrainingConfig(), description="How training runs.")
    decoding: DecodingConfig = Field(default=DecodingConfig(), description="How outputs become predictions.")

    @model_validator(mode="before")
    @classmethod
    def _is_object(cls, value: Any) -> Any:
        if not isinstance(value, (dict, PipelineConfig)):
            raise ValueError('a pipeline is a JSON object: {"data": {"train": …}, …}')
        return value
