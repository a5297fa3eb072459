"""Lightning's Trainer with its own logger and checkpoints; its progress bar, which costs time, is off."""

from __future__ import annotations

from benchmarks.fashion_mnist.samples import loaders  # torchvision first, which imports with help

# isort: split
import logging
import tempfile
import warnings

import lightning
import torch
from torch import Tensor, nn

from benchmarks.fashion_mnist.task import EPOCHS, LEARNING_RATE, Clock, Net

warnings.filterwarnings("ignore")  # the advice to use more workers, which are slower on two cores
logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)


class Classifier(lightning.LightningModule):
    """The network with its steps, as the documentation has it."""

    def __init__(self) -> None:
        super().__init__()
        self.model, self.loss_of = Net(), nn.CrossEntropyLoss()

    def training_step(self, batch: tuple[Tensor, Tensor]) -> Tensor:
        """The loss of a batch."""
        images, labels = batch
        loss: Tensor = self.loss_of(self.model(images), labels)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch: tuple[Tensor, Tensor]) -> None:
        """Loss and accuracy of a batch; Lightning averages them over the epoch."""
        images, labels = batch
        outputs = self.model(images)
        self.log("val_loss", self.loss_of(outputs, labels))
        self.log("val_acc", (outputs.argmax(1) == labels).float().mean())

    def configure_optimizers(self) -> torch.optim.Optimizer:
        """Adam."""
        return torch.optim.Adam(self.parameters(), lr=LEARNING_RATE)


class Times(lightning.Callback):
    """An epoch ends after its validation."""

    def __init__(self) -> None:
        self.clock = Clock()

    def on_train_start(self, *_: object) -> None:
        """The sanity check of validation stands before this."""
        self.clock.start()

    def on_train_epoch_end(self, *_: object) -> None:
        """Validation has run."""
        self.clock.epoch()


def main() -> None:
    """Train and report."""
    lightning.seed_everything(0, verbose=False)
    train, val = loaders()
    times = Times()
    with tempfile.TemporaryDirectory() as folder:
        trainer = lightning.Trainer(
            max_epochs=EPOCHS,
            accelerator="cpu",
            callbacks=[times],
            default_root_dir=folder,
            enable_progress_bar=False,
            enable_model_summary=False,
        )
        trainer.fit(Classifier(), train, val)
    times.clock.report(trainer.callback_metrics["val_acc"])


if __name__ == "__main__":
    main()
