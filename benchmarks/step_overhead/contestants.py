"""Loops in plain PyTorch and the peers: each trains and says the seconds of its epochs.

Peers are imported inside their function: each process measures one.
"""

from __future__ import annotations

import logging
import os
import sys
import tempfile
import warnings

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.step_overhead.task import (
    BATCH_SIZE,
    CLASSES,
    EPOCHS,
    FEATURES,
    HIDDEN,
    LEARNING_RATE,
    Clock,
    data,
    measure,
    net,
)
from benchmarks.torchvision_operators import describe_operators


def adam(model: nn.Module, fused: bool | None = None) -> torch.optim.Adam:
    """The optimiser."""
    return torch.optim.Adam(model.parameters(), lr=LEARNING_RATE, fused=fused)


def loader(steps: int) -> DataLoader[tuple[Tensor, ...]]:
    """The data as tutorials read it."""
    return DataLoader(TensorDataset(*data(steps)), BATCH_SIZE, shuffle=True)


def reference(steps: int, fused: bool | None = True) -> list[float]:
    """The loop that bounds all others: shuffled batches gathered from memory, fused Adam."""
    inputs, targets = data(steps)
    model, loss_of, clock = net(), nn.CrossEntropyLoss(), Clock()
    optimizer = adam(model, fused)
    for _ in range(EPOCHS):
        clock.start()
        for index in torch.randperm(len(inputs)).split(BATCH_SIZE):
            optimizer.zero_grad()
            loss_of(model(inputs[index]), targets[index]).backward()
            optimizer.step()
        clock.stop()
    return clock.seconds


def memory(steps: int) -> list[float]:
    """The same with Adam as it is made by default."""
    return reference(steps, fused=None)


def raw(steps: int) -> list[float]:
    """The tutorial's loop with a DataLoader."""
    batches, model, loss_of, clock = loader(steps), net(), nn.CrossEntropyLoss(), Clock()
    optimizer = adam(model)
    for _ in range(EPOCHS):
        clock.start()
        for inputs, targets in batches:
            optimizer.zero_grad()
            loss_of(model(inputs), targets).backward()
            optimizer.step()
        clock.stop()
    return clock.seconds


def accelerate(steps: int) -> list[float]:
    """The tutorial's loop under Accelerator."""
    from accelerate import Accelerator

    accelerator = Accelerator(cpu=True)
    model, loss_of, clock = net(), nn.CrossEntropyLoss(), Clock()
    model, optimizer, batches = accelerator.prepare(model, adam(model), loader(steps))
    for _ in range(EPOCHS):
        clock.start()
        for inputs, targets in batches:
            optimizer.zero_grad()
            accelerator.backward(loss_of(model(inputs), targets))
            optimizer.step()
        clock.stop()
    return clock.seconds


def ignite(steps: int) -> list[float]:
    """The supervised trainer."""
    from ignite.engine import Events, create_supervised_trainer

    model, clock = net(), Clock()
    trainer = create_supervised_trainer(model, adam(model), nn.CrossEntropyLoss())
    trainer.add_event_handler(Events.EPOCH_STARTED, clock.start)
    trainer.add_event_handler(Events.EPOCH_COMPLETED, clock.stop)
    trainer.run(loader(steps), max_epochs=EPOCHS)
    return clock.seconds


def skorch(steps: int) -> list[float]:
    """NeuralNetClassifier without a validation split."""
    from skorch import NeuralNetClassifier

    inputs, targets = data(steps)
    classifier = NeuralNetClassifier(
        net,
        criterion=nn.CrossEntropyLoss,
        optimizer=torch.optim.Adam,
        lr=LEARNING_RATE,
        max_epochs=EPOCHS,
        batch_size=BATCH_SIZE,
        iterator_train__shuffle=True,
        train_split=None,
        verbose=0,
    )
    classifier.fit(inputs.numpy(), targets.numpy())
    return list(classifier.history[:, "dur"])


def hf(steps: int) -> list[float]:
    """Trainer on a Dataset of dicts."""
    describe_operators()
    from transformers import Trainer, TrainerCallback, TrainingArguments

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.loss_of = net(), nn.CrossEntropyLoss()

        def forward(self, inputs: Tensor, labels: Tensor) -> dict[str, Tensor]:
            logits = self.model(inputs)
            return {"loss": self.loss_of(logits, labels), "logits": logits}

    class Times(TrainerCallback):
        def on_epoch_begin(self, *_: object, **__: object) -> None:
            clock.start()

        def on_epoch_end(self, *_: object, **__: object) -> None:
            clock.stop()

    clock = Clock()
    rows = [{"inputs": vector, "labels": label} for vector, label in zip(*data(steps), strict=True)]
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            num_train_epochs=EPOCHS,
            per_device_train_batch_size=BATCH_SIZE,
            learning_rate=LEARNING_RATE,
            max_grad_norm=0.0,
            save_strategy="no",
            use_cpu=True,
            disable_tqdm=True,
            report_to="none",
        )
        Trainer(Classifier(), arguments, train_dataset=rows, callbacks=[Times()]).train()
    return clock.seconds


def lightning(steps: int) -> list[float]:
    """Trainer with its own logger, its progress bar off."""
    describe_operators()
    import lightning as package

    warnings.filterwarnings("ignore")  # the advice to use workers
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)

    class Classifier(package.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.loss_of = net(), nn.CrossEntropyLoss()

        def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
            inputs, targets = batch
            loss: Tensor = self.loss_of(self.model(inputs), targets)
            self.log("train_loss", loss)
            return loss

        def configure_optimizers(self) -> torch.optim.Optimizer:
            return adam(self)

    class Times(package.Callback):
        def on_train_epoch_start(self, *_: object) -> None:
            clock.start()

        def on_train_epoch_end(self, *_: object) -> None:
            clock.stop()

    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = package.Trainer(
            max_epochs=EPOCHS,
            accelerator="cpu",
            callbacks=[Times()],
            default_root_dir=folder,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(Classifier(), loader(steps))
    return clock.seconds


def keras(steps: int) -> list[float]:
    """``fit`` on arrays, on the torch backend."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras as package

    class Times(package.callbacks.Callback):
        def on_epoch_begin(self, *_: object) -> None:
            clock.start()

        def on_epoch_end(self, *_: object) -> None:
            clock.stop()

    clock = Clock()
    inputs, targets = (tensor.numpy() for tensor in data(steps))
    layers = package.layers
    model = package.Sequential(
        [package.Input((FEATURES,)), layers.Dense(HIDDEN, activation="relu"), layers.Dense(CLASSES)]
    )
    loss = package.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(package.optimizers.Adam(LEARNING_RATE), loss=loss)
    model.fit(inputs, targets, batch_size=BATCH_SIZE, epochs=EPOCHS, verbose=0, callbacks=[Times()])
    return clock.seconds


CONTESTANTS = {
    function.__name__: function
    for function in (reference, memory, raw, accelerate, ignite, skorch, hf, lightning, keras)
}

if __name__ == "__main__":
    torch.manual_seed(0)
    measure(CONTESTANTS[sys.argv[1]])
