"""Keras 3 on torch: arrays in memory, preprocessing layers in the model, ``fit`` without its progress bar."""

from __future__ import annotations

import os
import sys

os.environ["KERAS_BACKEND"] = "torch"

import keras
from keras import layers

from benchmarks.fashion_mnist.task import BATCH_SIZE, EPOCHS, LEARNING_RATE, MEAN, STD, Clock, load


class Times(keras.callbacks.Callback):
    """An epoch ends after its validation."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()

    def on_train_begin(self, logs: object = None) -> None:  # noqa: ARG002 (a callback's signature)
        """The first epoch begins."""
        self.clock.start()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:  # noqa: ARG002 (likewise)
        """Validation has run."""
        self.clock.epoch()


def main(layout: str) -> None:
    """Train and report; layout: channels_first or channels_last, Keras' default."""
    keras.utils.set_random_seed(0)
    keras.config.set_image_data_format(layout)
    axis = 1 if layout == "channels_first" else -1
    (images, labels), (test_images, test_labels) = load("train"), load("t10k")
    images, test_images = (
        array[:, None] if axis == 1 else array[..., None] for array in (images, test_images)
    )
    model = keras.Sequential([
        keras.Input(images.shape[1:]),
        layers.RandomFlip("horizontal"),
        layers.Rescaling(1 / 255 / STD, offset=-MEAN / STD),
        layers.Conv2D(32, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(2),
        layers.Flatten(),
        layers.Dense(128, activation="relu"),
        layers.Dense(10),
    ])  # fmt: skip
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(LEARNING_RATE), loss=loss, metrics=["accuracy"])
    times = Times()
    history = model.fit(
        images,
        labels,
        batch_size=BATCH_SIZE,
        epochs=EPOCHS,
        validation_data=(test_images, test_labels),
        verbose=0,
        callbacks=[times],
    )
    times.clock.report(history.history["val_accuracy"][-1])


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "channels_first")
