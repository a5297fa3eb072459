"""Hugging Face's Trainer on a Dataset of dicts, evaluated after each epoch; the progress bar is off."""

from __future__ import annotations

from benchmarks.fashion_mnist.samples import (  # torchvision first, which imports with help
    TEST,
    TRAIN,
    Fashion,
)

# isort: split
import tempfile

import numpy as np
from torch import Tensor, nn
from transformers import EvalPrediction, Trainer, TrainerCallback, TrainingArguments

from benchmarks.fashion_mnist.task import BATCH_SIZE, EPOCHS, LEARNING_RATE, Clock, Net


class Items(Fashion):
    """Items as dicts of the model's arguments."""

    def __getitem__(self, index: int) -> dict[str, Tensor | int]:
        image, label = super().__getitem__(index)
        return {"pixel_values": image, "labels": label}


class Classifier(nn.Module):
    """The network as Trainer calls it: the loss comes with the logits."""

    def __init__(self) -> None:
        super().__init__()
        self.model, self.loss_of = Net(), nn.CrossEntropyLoss()

    def forward(self, pixel_values: Tensor, labels: Tensor) -> dict[str, Tensor]:
        """Loss and logits [B, 10] of images [B, 1, 28, 28]."""
        logits = self.model(pixel_values)
        return {"loss": self.loss_of(logits, labels), "logits": logits}


class Times(TrainerCallback):
    """An epoch ends after its evaluation."""

    def __init__(self) -> None:
        self.clock = Clock()

    def on_train_begin(self, *_: object, **__: object) -> None:
        """The first epoch begins."""
        self.clock.start()

    def on_evaluate(self, *_: object, **__: object) -> None:
        """Evaluation has run."""
        self.clock.epoch()


def right_share(prediction: EvalPrediction) -> dict[str, float]:
    """The accuracy of all predictions."""
    found = np.argmax(prediction.predictions, axis=-1) == prediction.label_ids
    return {"accuracy": float(found.mean())}


def main() -> None:
    """Train and report."""
    times = Times()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=EPOCHS,
            per_device_train_batch_size=BATCH_SIZE,
            per_device_eval_batch_size=BATCH_SIZE,
            learning_rate=LEARNING_RATE,
            lr_scheduler_type="constant",
            max_grad_norm=0.0,
            eval_strategy="epoch",
            save_strategy="epoch",
            use_cpu=True,
            disable_tqdm=True,
            report_to="none",
            seed=0,
        )
        trainer = Trainer(
            Classifier(),
            arguments,
            train_dataset=Items("train", TRAIN),
            eval_dataset=Items("t10k", TEST),
            compute_metrics=right_share,
            callbacks=[times],
        )
        trainer.train()
    scores = [entry["eval_accuracy"] for entry in trainer.state.log_history if "eval_accuracy" in entry]
    times.clock.report(scores[-1])


if __name__ == "__main__":
    main()
