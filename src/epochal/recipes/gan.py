"""A small DCGAN: networks, training step and distance of the recipes ``gan`` and ``gan_fashion``.

Radford, Metz & Chintala, "Unsupervised representation learning with deep convolutional generative adversarial
networks", ICLR 2016; the loss is the non-saturating one of Goodfellow et al., "Generative adversarial nets",
NeurIPS 2014.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, final

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from epochal.data.batch import Batch
from epochal.errors import ConfigError, Problem

if TYPE_CHECKING:
    from epochal.engine.own_step import StepState

_SAMPLES = 2000
_SIDE = 8  # pixels of the images that distances are taken of


def _generator(latent: int, width: int, channels: int, side: int) -> nn.Sequential:
    """Noise [N, latent] to images [N, C, side, side] in -1..1, over a quarter and half of the side."""
    return nn.Sequential(
        nn.Linear(latent, 2 * width * side * side, bias=False),
        nn.Unflatten(1, (2 * width, side, side)),
        nn.BatchNorm2d(2 * width),
        nn.ReLU(),
        nn.ConvTranspose2d(2 * width, width, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.ConvTranspose2d(width, channels, 4, stride=2, padding=1),
        nn.Tanh(),
    )


def _discriminator(width: int, channels: int, side: int) -> nn.Sequential:
    """Images [N, C, 4 side, 4 side] to logits [N] that they are real."""
    return nn.Sequential(
        nn.Conv2d(channels, width, 4, stride=2, padding=1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(width, 2 * width, 4, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(2 * width),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(2 * width * side * side, 1),
        nn.Flatten(0),
    )


@final
class DCGAN(nn.Module):
    """A generator and a discriminator of square images whose side four divides; values in -1..1.

    latent: the length of a noise. width: channels of the larger of two layers; the smaller has twice as many.
    """

    def __init__(self, input_shape: tuple[int, int, int], latent: int = 32, width: int = 32) -> None:
        super().__init__()
        channels, height, side = input_shape
        if height != side or side % 4:
            mend = "let data.prepare end with {name: resize, size: 32}, or another multiple of 4"
            raise ConfigError(Problem(f"DCGAN makes no images of {height}×{side}", "model", mend))
        self.latent = latent
        self.generator = _generator(latent, width, channels, side // 4)
        self.discriminator = _discriminator(width, channels, side // 4)
        for module in self.modules():  # section 3 of the paper
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
                nn.init.normal_(module.weight, 0.0, 0.02)
            elif isinstance(module, nn.BatchNorm2d):
                nn.init.normal_(module.weight, 1.0, 0.02)

    def sample(self, noise: Tensor) -> Tensor:
        """Images from noise [N, latent]."""
        images: Tensor = self.generator(noise)
        return images

    def forward(self, images: Tensor) -> Tensor:
        """Logits [N] that images are real."""
        logits: Tensor = self.discriminator(images)
        return logits


def step(state: StepState, batch: Batch) -> dict[str, Tensor]:
    """The discriminator learns to tell images from samples, then the generator to be taken for an image."""
    model = state.model
    noise = torch.randn(len(batch), state.model.latent, device=state.device)  # type: ignore[call-overload]
    with state.autocast():
        samples = state.generator(noise)
        real, false = state.discriminator(batch.inputs), state.discriminator(samples.detach())
        # -log D(x) and -log(1 - D(G(z)))
        discriminator_loss = F.softplus(-real).mean() + F.softplus(false).mean()
    state.update("discriminator", discriminator_loss)
    with state.autocast():
        generator_loss = F.softplus(-model(samples)).mean()  # -log D(G(z)), which does not saturate
    state.update("generator", generator_loss)
    return {
        "generator_loss": generator_loss,
        "discriminator_loss": discriminator_loss,
        "told_apart": ((real > 0).float().mean() + (false < 0).float().mean()) / 2,
    }


def validate(state: StepState, batches: Iterable[Batch]) -> dict[str, float]:
    """``frechet``: between validation images and as many samples as give it little noise, 2,000."""
    images = torch.cat([batch.inputs for batch in batches])
    noise = torch.randn(_SAMPLES, state.model.latent, device=state.device)  # type: ignore[call-overload]
    return {"frechet": frechet_distance(_features(images), _features(state.generator(noise)))}


def _features(images: Tensor) -> Tensor:
    """The pixels of small images, float64 [N, C · 8 · 8] in 0..1."""
    small = F.adaptive_avg_pool2d(images.float(), (_SIDE, _SIDE))
    return (small.flatten(1).double() + 1) / 2


def frechet_distance(first: Tensor, second: Tensor) -> float:
    """|m₁ - m₂|² + tr(C₁ + C₂ - 2 (C₁ C₂)^½) of normal distributions with the moments of two sets [N, F].

    Dowson & Landau, "The Fréchet distance between multivariate normal distributions", 1982; Heusel et al.,
    NeurIPS 2017, take it of Inception's features where here it is of pixels.
    """
    means = first.mean(dim=0) - second.mean(dim=0)
    one, other = torch.cov(first.T), torch.cov(second.T)
    values, vectors = torch.linalg.eigh(one)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    # C₁ C₂ has the eigenvalues of the symmetric C₁^½ C₂ C₁^½
    cross = torch.linalg.eigvalsh(root @ other @ root).clamp(min=0).sqrt().sum()
    return float(means @ means + one.trace() + other.trace() - 2 * cross)
