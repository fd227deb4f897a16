"""Memory and speed of a training step in fp32 against automatic mixed precision, on whatever device there is.

    python benchmarks/amp.py                       # writes benchmarks/results/amp.json and prints a table
    python benchmarks/amp.py --batch-sizes 32 --rounds 2

Two encoders: the embedded all-MiniLM-L6-v2 (22.6 million parameters) and a random encoder of BERT-base's size (109
million). A step is forward, backward, clipping and fused AdamW, as in the trainer. Each cell runs in a process of its
own, and rounds interleave the precisions. Memory is what the device allocated at most, on CPUs the peak of the process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from typing import Any

from corpora import REPOSITORY
from machine import machine

RESULTS = REPOSITORY / "benchmarks" / "results" / "amp.json"
TOKENS = 32  # of every text
TYPES = {"bf16": "bfloat16", "fp16": "float16"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoders", nargs="+", default=["minilm", "bert-base"], choices=["minilm", "bert-base"])
    parser.add_argument("--batch-sizes", nargs="+", type=int, default=[16, 64])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--cell", nargs=3, metavar=("ENCODER", "BATCH", "PRECISION"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.cell:
        encoder, batch, precision = arguments.cell
        print(json.dumps(measure(encoder, int(batch), precision, arguments.steps)))
        return
    device = device_name()
    precisions = ["fp32", "bf16", *(["fp16"] if device != "cpu" else [])]  # fp16 needs a GPU
    found: dict[tuple[str, int, str], list[dict[str, float]]] = defaultdict(list)
    for _ in range(arguments.rounds):
        for encoder in arguments.encoders:
            for batch in arguments.batch_sizes:
                for precision in precisions:
                    found[encoder, batch, precision].append(in_own_process(encoder, batch, precision, arguments.steps))
    rows = [summary(key, cells, found) for key, cells in found.items()]
    result = {"machine": machine(), "device": device, "tokens": TOKENS, "rows": rows}
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    known[f"{machine()} / {device}"] = result
    RESULTS.write_text(json.dumps(known, indent=2) + "\n")
    for row in rows:
        print(json.dumps(row))


def summary(
    key: tuple[str, int, str], cells: list[dict[str, float]], found: dict[tuple[str, int, str], list[dict[str, float]]]
) -> dict[str, Any]:
    """Medians, and their ratios to fp32's."""

    def median(cells: list[dict[str, float]], name: str) -> float:
        return statistics.median(cell[name] for cell in cells)

    encoder, batch, precision = key
    base = found[encoder, batch, "fp32"]
    return {
        "encoder": encoder,
        "batch_size": batch,
        "precision": precision,
        "milliseconds": round(1000 * median(cells, "seconds"), 1),
        "memory_mb": round(median(cells, "memory_mb")),
        "speed_vs_fp32": round(median(base, "seconds") / median(cells, "seconds"), 2),
        "memory_vs_fp32": round(median(cells, "memory_mb") / median(base, "memory_mb"), 2),
    }


def device_name() -> str:
    import torch

    return torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu"


def in_own_process(encoder: str, batch: int, precision: str, steps: int) -> dict[str, float]:
    command = [sys.executable, __file__, "--steps", str(steps), "--cell", encoder, str(batch), precision]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    cell: dict[str, float] = json.loads(output.splitlines()[-1])
    return cell


def measure(encoder: str, batch: int, precision: str, steps: int) -> dict[str, float]:
    """Seconds of a step (median, after two to warm up) and peak memory."""
    import torch

    from nlu_kit.training.accelerator import peak_memory_mb, reset_peak_memory

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    reset_peak_memory(device)
    model = build(encoder).to(device).train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-5, fused=True)
    scaler = torch.amp.GradScaler(device.type, enabled=precision == "fp16")
    ids = torch.randint(1000, 20000, (batch, TOKENS), device=device)
    mask = torch.ones_like(ids)
    dtype = getattr(torch, TYPES.get(precision, "bfloat16"))
    seconds = []
    for _ in range(steps + 2):
        started = time.perf_counter()
        with torch.autocast(device.type, dtype=dtype, enabled=precision != "fp32"):
            loss = model(input_ids=ids, attention_mask=mask).last_hidden_state.float().pow(2).mean()
        scaler.scale(loss).backward()
        scaler.unscale_(optimiser)
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(optimiser)
        scaler.update()
        optimiser.zero_grad(set_to_none=True)
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    return {"seconds": statistics.median(seconds[2:]), "memory_mb": peak_memory_mb(device)}


def build(encoder: str) -> Any:
    from transformers import AutoModel, BertConfig, BertModel

    from nlu_kit_backbones.source import embedded_folder

    if encoder == "minilm":
        return AutoModel.from_pretrained(embedded_folder(), add_pooling_layer=False)
    return BertModel(BertConfig(), add_pooling_layer=False)


if __name__ == "__main__":
    main()
