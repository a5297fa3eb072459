"""The templates, and what is particular to each."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """What a template brings where no data is named.

    line: what it is for, for lists. source: of the config, in YAML's flow style, and target: its column.
    example: what its example set is. prepare, augment: steps of base.yaml, with PACKAGE for the project's
    package. other_model: one of epochal's own networks for the same data. extras: of the package epochal.
    """

    line: str
    source: str
    example: str
    classes: tuple[str, ...] = ()
    target: str = ""
    task: str = "classification"
    prepare: tuple[str, ...] = ()
    augment: tuple[str, ...] = ()
    other_model: str = "mlp"
    extras: str = ""
    epochs: int = 15


_MINE = "PACKAGE.transforms:"
_BRIGHTNESS = f'{{name: "{_MINE}Brightness", amount: 0.2}}'
_SCALE = f'{{name: "{_MINE}Scale", amount: 0.2}}'
_SHAPES = "data/processed/shapes"

IMAGE = Kind(
    "a class for each image",
    f"{{name: folder, root: {_SHAPES}}}",
    "240 drawn circles, squares and triangles",
    classes=("circle", "square", "triangle"),
    prepare=(f'"{_MINE}stretch"',),
    augment=("horizontal_flip", _BRIGHTNESS),
    other_model="resnet18, pretrained: true",
    epochs=20,
)

KINDS = {
    "image": IMAGE,
    "table": Kind(
        "a class or a value for each row of columns",
        "{name: table, path: data/processed/wine.csv, target: grower}",
        "178 wines of three growers, from scikit-learn",
        classes=("first", "second", "third"),
        target="grower",
        augment=(f'{{name: "{_MINE}Jitter", amount: 0.05}}',),
        other_model="ft_transformer",
        epochs=30,
    ),
    "text": Kind(
        "a class for each text",
        "{name: table, path: data/processed/sentences.csv, text: text, target: topic}",
        "360 made-up sentences about cooking, travel and weather",
        classes=("cooking", "travel", "weather"),
        target="topic",
        augment=(f'{{name: "{_MINE}Forget", share: 0.1}}',),
        other_model="text_transformer",
    ),
    "audio": Kind(
        "a class for each sound",
        "{name: folder, root: data/processed/tones}",
        "180 tones: sawtooth, sine and square waves",
        classes=("sawtooth", "sine", "square"),
        prepare=("mono", "{name: fixed_length, seconds: 0.5}", f'"{_MINE}loudest"'),
        augment=(_SCALE, "{name: spec_augment, time: 4, frequency: 4}"),
        other_model="mel_gru",
        extras="[audio]",
    ),
    "segmentation": Kind(
        "a class for each pixel",
        f"{{name: folder, root: {_SHAPES}, classes: [background, circle, square]}}",
        "120 drawn circles and squares with their masks",
        classes=("background", "circle", "square"),
        task="{name: segmentation, background: false}   # the first class is in no mean",
        prepare=(f'"{_MINE}stretch"',),
        augment=("horizontal_flip", _BRIGHTNESS),
        other_model="unet",
    ),
    "series": Kind(
        "a class for each series of measurements",
        "{name: series, path: data/processed/motions.csv, id: series, time: step, channels: [x, y], "
        "target: motion, length: 48}",
        "180 paths: round in a circle, along a line, or at random",
        classes=("circle", "line", "walk"),
        target="motion",
        prepare=(f'"{_MINE}centred"',),
        augment=(_SCALE,),
        other_model="tcn",
    ),
    "gan": Kind(
        "new images, by a training step of your own",
        "{name: arrays, path: data/processed/digits.npz}",
        "1,797 handwritten digits, from scikit-learn",
        task="generation",
        prepare=(f'"{_MINE}stretch"',),
        other_model="PACKAGE.models:DCGAN, width: 32",
        epochs=30,
    ),
}
"""What the data is, by the template's name."""

MINIMAL = "minimal"
"""The template of few files: a network, two configs and tests, for data of any kind but a GAN's."""

TEMPLATES = {**{name: kind.line for name, kind in KINDS.items()}, MINIMAL: "few files, for images or --data"}
"""Every template, with a line for lists."""
