"""Goes on with masked language modelling (Devlin et al. 2019; Gururangan et al. 2020) on a file of texts, one a line.

    python benchmarks/mlm.py train/seq.in encoder/

Writes a sentence-transformers folder: the embedded all-MiniLM-L6-v2 with other weights. The head that guesses words is
new (the package ships none) but for its output matrix, which is the word embeddings. For the ablation only.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import torch
from safetensors.torch import save_file
from transformers import AutoTokenizer, BertForMaskedLM, DataCollatorForLanguageModeling

from nlu_kit_backbones.source import embedded_folder

BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("texts", type=Path)
    parser.add_argument("encoder", type=Path)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--lr", type=float, default=1e-4)
    parser.add_argument("--threads", type=int, default=None)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    source = embedded_folder()
    tokenizer = AutoTokenizer.from_pretrained(str(source))
    model = BertForMaskedLM.from_pretrained(str(source)).train()
    lines = arguments.texts.read_text(encoding="utf-8").splitlines()
    rows = tokenizer(lines, truncation=True, max_length=64, padding=False)["input_ids"]
    collate = DataCollatorForLanguageModeling(tokenizer)
    optimiser = torch.optim.AdamW(model.parameters(), lr=arguments.lr, fused=True)
    steps = arguments.epochs * -(-len(rows) // BATCH)
    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, steps)
    for epoch in range(arguments.epochs):
        order, total = torch.randperm(len(rows)).tolist(), 0.0
        for start in range(0, len(rows), BATCH):
            batch = collate([{"input_ids": rows[position]} for position in order[start : start + BATCH]])
            with torch.autocast("cpu", dtype=torch.bfloat16):
                loss = model(**batch).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            optimiser.zero_grad()
            schedule.step()
            total += loss.item()
        print(f"epoch {epoch + 1}: {total * BATCH / len(rows):.3f}", flush=True)
    shutil.copytree(source, arguments.encoder, dirs_exist_ok=True)
    weights = {name: tensor.contiguous() for name, tensor in model.bert.state_dict().items()}
    save_file(weights, str(arguments.encoder / "model.safetensors"), metadata={"format": "pt"})


if __name__ == "__main__":
    main()
