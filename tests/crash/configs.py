"""Small trainings of everything that has state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

_TRAINING = """
optimizer: {name: AdamW, lr: 0.02}
scheduler: {name: ReduceLROnPlateau, patience: 0, factor: 0.5, threshold: 0.3}
compute: {threads: 1, precision: float32, tune: false, device: cpu}
paths: {runs: runs, cache: cache}
"""
_DIGITS = f"""{_TRAINING}
data:
  source: digits
  split: {{name: random, val: 0.1, test: 0.7}}
  batch_size: 32
  augment: [{{name: rotation, degrees: 10}}, {{name: mixup, alpha: 0.4}}]
model: {{name: simple_cnn, channels: [4, 8], dropout: 0.2}}
training:
  epochs: EPOCHS
  accumulate: 2
  ema: 0.8
  early_stopping: {{patience: 2, min_delta: 0.1}}
  monitor: val/loss
  log_every: 2
  checkpoint: {{every: 3 steps}}
"""
_BRIEF = _DIGITS.replace("EPOCHS", "2").replace("[4, 8]", "[4]") + "tracking: []\n"
_NOISY = """
import random
import time
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset


class Noisy(Dataset):
    classes = ["dark", "bright"]

    def __len__(self):
        return 100

    def __getitem__(self, index):
        if Path("slow").exists():
            time.sleep(float(Path("slow").read_text() or 0.02))
        noise = torch.randn(1, 8, 8) * 0.2 + random.random() * 0.1 + float(np.random.rand()) * 0.1
        return (noise + 0.3 + 0.2 * (index % 2)).clamp(0, 1), index % 2
"""
_OWN = f"""{_TRAINING}
data:
  source: noisy:Noisy
  workers: WORKERS
  cache: none
  batch_size: 8
  augment: [{{name: gaussian_noise}}]
model: {{name: simple_cnn, channels: [4], dropout: 0.2}}
training: {{epochs: 3, accumulate: 2, ema: 0.8, log_every: 2, checkpoint: {{every: 3 steps}}}}
tracking: []
"""
_LARGE = f"""{_TRAINING}
data: {{source: digits, split: {{name: random, val: 0.1, test: 0.8}}, batch_size: 16}}
model: {{name: mlp, hidden: [1024, 512], dropout: 0.2}}
training: {{epochs: 3, ema: 0.8, log_every: 2, checkpoint: {{every: 1 steps}}}}
tracking: []
"""


@dataclass(frozen=True)
class Training:
    """A configuration and the files beside it."""

    name: str
    config: str
    files: Mapping[str, str] = field(default_factory=dict)

    def put(self, folder: Path) -> Path:
        """A working folder with the files."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in {f"{self.name}.yaml": self.config, **self.files}.items():
            (folder / name).write_text(text)
        return folder


TRAININGS = {
    training.name: training
    for training in (
        Training("digits", _DIGITS.replace("EPOCHS", "12") + "tracking: []\n"),
        Training("board", _DIGITS.replace("EPOCHS", "12") + "tracking: [tensorboard]\n"),
        Training("brief", _BRIEF),
        Training("own0", _OWN.replace("WORKERS", "0"), {"noisy.py": _NOISY}),
        Training("own2", _OWN.replace("WORKERS", "2"), {"noisy.py": _NOISY}),
        Training("large", _LARGE),
    )
}
