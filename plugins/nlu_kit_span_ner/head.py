"""The torch half of the `span_ner` head."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from nlu_kit.plugin import Encoded, Head, HeadContext, PluginError
from nlu_kit_span_ner import SpanNerParams


class SpanNerHead(Head):
    """Token vectors [B, T, D] -> ``logits`` [B, T, K, C]: the class of the span that starts with the word at token t
    and is k + 1 words wide, for k below K = ``max_width``.

    A span is its first word's first subword, its last word's last subword and its width (Lee et al. 2017, "End-to-end
    Neural Coreference Resolution"; Zhong and Chen 2021, "A Frustratingly Easy Approach for Entity and Relation
    Extraction"), then a hidden layer and the classifier. The hidden layer of the three side by side is the sum of one
    of each; so each token goes through it once as a start and once as an end, and not once for each span.

    Every token gets logits. Only those at a word's first subword, of spans that the text still holds, are trained and
    read.
    """

    def __init__(self, params: SpanNerParams, context: HeadContext) -> None:
        super().__init__()
        self.max_width = params.max_width
        self.dropout = nn.Dropout(params.dropout)
        self.start = nn.Linear(context.width, params.hidden)
        self.end = nn.Linear(context.width, params.hidden, bias=False)
        self.width = nn.Embedding(params.max_width, params.hidden)
        nn.init.normal_(self.width.weight, std=0.02)  # at the usual 1, widths would at first drown what is read
        self.classifier = nn.Linear(params.hidden, len(context.labels))
        self.layers = ["start", "end", "width", "classifier"]

    def forward(self, encoded: Encoded) -> Mapping[str, Tensor]:
        if encoded.batch is None or encoded.batch.words_BT is None:
            raise PluginError("contract: the head 'span_ner' needs to know the words of a batch (TokenBatch.words_BT)")
        tokens = self.dropout(encoded.tokens_BTD)
        start_BTH, end_BTH = self.start(tokens), self.end(tokens)
        ends_BTK = span_ends(encoded.batch.words_BT, self.max_width)
        index = ends_BTK.flatten(1)[..., None].expand(-1, -1, end_BTH.shape[-1])
        end_BTKH = end_BTH.gather(1, index).reshape(*ends_BTK.shape, -1)
        hidden = nn.functional.gelu(start_BTH[:, :, None] + end_BTKH + self.width.weight)
        return {"logits": self.classifier(self.dropout(hidden))}


def span_ends(words_BT: Tensor, max_width: int) -> Tensor:
    """The position [B, T, K] of the last subword of the word that is k words after the one at token t.

    0 where the text has no such word, or t is no word: a place to read from, of which the result does not count.
    """
    batch, length = words_BT.shape
    positions = torch.arange(length, device=words_BT.device).expand(batch, length)
    following = nn.functional.pad(words_BT[:, 1:], (0, 1), value=-1)
    # By word number, the last subword's position; all other tokens write to a column that is read as "no such word".
    columns = words_BT.masked_fill((words_BT < 0) | (words_BT == following), length)
    last = torch.zeros(batch, length + 1, dtype=positions.dtype, device=words_BT.device).scatter(1, columns, positions)
    last = last * (torch.arange(length + 1, device=words_BT.device) < length)
    wanted = words_BT[..., None] + torch.arange(max_width, device=words_BT.device)
    wanted = wanted.clamp_max(length).masked_fill(words_BT[..., None] < 0, length)
    return last.gather(1, wanted.flatten(1)).reshape(batch, length, max_width)
