"""The peers on the digits, a 64-64-10 network: each ends its process at its first optimiser step.

The data lies in the .npz file that is the second argument, so that nobody waits for scikit-learn to read it.
Everything is imported inside the functions: what a contestant loads is what is measured.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any, NoReturn

BATCH_SIZE = 64
LEARNING_RATE = 3e-3


def stepped(*_: Any, **__: Any) -> NoReturn:
    """The first step is done: say when, by the clock that all processes share, and end."""
    print(json.dumps({"stepped": time.monotonic()}), flush=True)
    os._exit(0)


def arrays() -> tuple[Any, Any]:
    """Pixels float32 [N, 64] in [0, 1] and classes int64 [N]."""
    import numpy as np

    found = np.load(sys.argv[2])
    return found["x"], found["y"]


def net() -> Any:
    """[B, 64] -> [B, 10]."""
    from torch import nn

    return nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


def loader() -> Any:
    """Shuffled batches."""
    from torch import from_numpy
    from torch.utils.data import DataLoader, TensorDataset

    return DataLoader(TensorDataset(*map(from_numpy, arrays())), BATCH_SIZE, shuffle=True)


def adam(model: Any) -> Any:
    """The optimiser."""
    from torch.optim import AdamW

    return AdamW(model.parameters(), lr=LEARNING_RATE)


def raw() -> None:
    """The tutorial's loop."""
    from torch import nn

    model, loss_of = net(), nn.CrossEntropyLoss()
    optimizer = adam(model)
    for inputs, targets in loader():
        optimizer.zero_grad()
        loss_of(model(inputs), targets).backward()
        optimizer.step()
        stepped()


def accelerate() -> None:
    """The tutorial's loop under Accelerator."""
    from accelerate import Accelerator
    from torch import nn

    accelerator = Accelerator(cpu=True)
    model, loss_of = net(), nn.CrossEntropyLoss()
    model, optimizer, batches = accelerator.prepare(model, adam(model), loader())
    for inputs, targets in batches:
        optimizer.zero_grad()
        accelerator.backward(loss_of(model(inputs), targets))
        optimizer.step()
        stepped()


def ignite() -> None:
    """The supervised trainer."""
    from ignite.engine import Events, create_supervised_trainer
    from torch import nn

    model = net()
    trainer = create_supervised_trainer(model, adam(model), nn.CrossEntropyLoss())
    trainer.add_event_handler(Events.ITERATION_COMPLETED, stepped)
    trainer.run(loader(), max_epochs=1)


def skorch() -> None:
    """NeuralNetClassifier without a validation split."""
    from skorch import NeuralNetClassifier
    from skorch.callbacks import Callback
    from torch import nn, optim

    class FirstStep(Callback):
        on_batch_end = staticmethod(stepped)

    NeuralNetClassifier(
        net,
        criterion=nn.CrossEntropyLoss,
        optimizer=optim.AdamW,
        lr=LEARNING_RATE,
        max_epochs=1,
        batch_size=BATCH_SIZE,
        iterator_train__shuffle=True,
        train_split=None,
        callbacks=[FirstStep()],
        verbose=0,
    ).fit(*arrays())


def hf() -> None:
    """Trainer on a Dataset of dicts."""
    from benchmarks.torchvision_operators import describe_operators

    describe_operators()
    from torch import nn
    from transformers import Trainer, TrainerCallback, TrainingArguments

    class Classifier(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.loss_of = net(), nn.CrossEntropyLoss()

        def forward(self, inputs: Any, labels: Any) -> dict[str, Any]:
            logits = self.model(inputs)
            return {"loss": self.loss_of(logits, labels), "logits": logits}

    class FirstStep(TrainerCallback):
        on_step_end = staticmethod(stepped)

    arguments = TrainingArguments(
        output_dir=sys.argv[2] + ".hf",
        num_train_epochs=1,
        per_device_train_batch_size=BATCH_SIZE,
        learning_rate=LEARNING_RATE,
        use_cpu=True,
        disable_tqdm=True,
        report_to="none",
    )
    rows = [{"inputs": vector, "labels": label} for vector, label in zip(*arrays(), strict=True)]
    Trainer(Classifier(), arguments, train_dataset=rows, callbacks=[FirstStep()]).train()


def lightning() -> None:
    """Trainer with its own logger."""
    from benchmarks.torchvision_operators import describe_operators

    describe_operators()
    import lightning as package
    from torch import nn

    class Classifier(package.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.model, self.loss_of = net(), nn.CrossEntropyLoss()

        def training_step(self, batch: Any) -> Any:
            inputs, targets = batch
            return self.loss_of(self.model(inputs), targets)

        def configure_optimizers(self) -> Any:
            return adam(self)

    class FirstStep(package.Callback):
        on_train_batch_end = staticmethod(stepped)

    trainer = package.Trainer(
        max_epochs=1,
        accelerator="cpu",
        callbacks=[FirstStep()],
        default_root_dir=sys.argv[2] + ".lightning",
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(Classifier(), loader())


def fastai() -> None:
    """Learner on DataLoaders of tensors."""
    from benchmarks.torchvision_operators import describe_operators

    describe_operators()
    from fastai.basics import Callback, CrossEntropyLossFlat, DataLoaders, Learner
    from torch import from_numpy

    class FirstStep(Callback):
        after_step = staticmethod(stepped)

    rows = list(zip(*map(from_numpy, arrays()), strict=True))
    loaders = DataLoaders.from_dsets(rows, rows[:64], bs=BATCH_SIZE, num_workers=0)
    learner = Learner(loaders, net(), loss_func=CrossEntropyLossFlat(), cbs=FirstStep())
    learner.fit(1, LEARNING_RATE)


def keras() -> None:
    """``fit`` on arrays, on the torch backend."""
    os.environ["KERAS_BACKEND"] = "torch"
    import keras as package

    class FirstStep(package.callbacks.Callback):
        on_train_batch_end = staticmethod(stepped)

    layers = package.layers
    model = package.Sequential([package.Input((64,)), layers.Dense(64, activation="relu"), layers.Dense(10)])
    loss = package.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(package.optimizers.AdamW(LEARNING_RATE), loss=loss)
    inputs, targets = arrays()
    model.fit(inputs, targets, batch_size=BATCH_SIZE, epochs=1, verbose=0, callbacks=[FirstStep()])


CONTESTANTS = {
    function.__name__: function
    for function in (raw, accelerate, ignite, skorch, hf, lightning, fastai, keras)
}

if __name__ == "__main__":
    CONTESTANTS[sys.argv[1]]()
