"""A network that finds the galaxies of a scene and divides its pixels among them.

blindsky baseline deblending/unet_scene --release ID --device auto

The U-Net of ``unet`` sees all bands. It marks the centres on a heat map (Zhou et al. 2019, Objects as Points), whose
peaks are the detections; on ``scene_known`` the given places stand in for them. What the network holds at a peak makes
its question: a brightness b, a scale h and a direction q in the space of features. The logit of a galaxy in a pixel is

    b - distance / h + q . features,

and that of the background is 0. A softmax divides the pixel, whatever the number of galaxies. With sigma / (S + sigma)
for the background a logit is ln(S_i / sigma): an exponential disc, and what the pixel knows better. Fluxes are sums of
the shares in every band, each with a correction that the peak's features give.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from blindsky.baselines.baseline import Settings
from blindsky.baselines.deblending import blends, views
from blindsky.baselines.deblending.blends import Task
from blindsky.baselines.deblending.cnn_flux import WORST
from blindsky.baselines.deblending.learning import Batch, Lessons, device_of, on, stretched
from blindsky.baselines.deblending.light import distance, partition
from blindsky.baselines.deblending.unet import SHARE, UNet
from blindsky.baselines.training import Recipe, choose, fit, half, seeded, threads
from blindsky.challenges.challenge import rows
from blindsky.challenges.deblending.bands import LSST
from blindsky.challenges.deblending.measure import measure_scene
from blindsky.challenges.release import Public
from blindsky.challenges.skies import Ragged
from blindsky.challenges.tables import Lists
from blindsky.scoring.measurements import Array, Table

DENSE = 128
BRIGHT, SCALE = (
    2.0,
    3.0,
)  # ln(S_i / sigma) at the centre and scale length (pixels) of a galaxy before anything is learned
RARE = -4.0  # logit of a centre at first: nearly no pixel is one
WIDTH = 1.0  # pixels: of the Gaussian about a centre on the heat map
BESIDE = 0.7  # pixels: how far, at most and per axis, a question is asked from a centre in training, as a peak may lie
FAINT = 10.0  # noise rms: flux that adds to the true one in errors of bands in which a galaxy may not be seen
SKY = 0.01  # weight of a pixel without light beside one that is all light
LEAST = 0.01  # shares below this are left out of images
LIMIT = 4.0  # of the log of corrections
THRESHOLDS = (0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6)
ASIDE, MOST_ASIDE = 10, 500  # one training blend of so many chooses the threshold, and at most so many do
CHUNK = 16  # blends at once in prediction
RECIPE = Recipe(epochs=60, batch=32, rate=1e-3)


class Divided(NamedTuple):
    """share : of K galaxies and the background (B, K + 1, N, N).   flux : (B, K, bands).   shift : from where the
    question was asked to the centre, column and row (B, K, 2).
    """

    share: Tensor
    flux: Tensor
    shift: Tensor


class Scenes(nn.Module):
    """Centres, and shares of the pixels and fluxes of galaxies at given places."""

    def __init__(self, bands: int, reference: int) -> None:
        super().__init__()
        self.bands, self.reference = bands, reference
        self.unet = UNet(bands)
        width = self.unet.features
        self.heat = nn.Conv2d(width, 1, 1)
        nn.init.constant_(self.heat.bias, RARE)  # type: ignore[arg-type]
        self.question = nn.Sequential(
            nn.Linear(width + self.unet.bottom, DENSE), nn.ReLU(), nn.Linear(DENSE, width + 4 + bands)
        )

    def look(self, image: Tensor, sigma: Tensor) -> tuple[Tensor, Tensor]:
        """(B, bands, N, N), noise rms (B, bands) -> features, and those of the deepest level."""
        features, bottom = self.unet(stretched(image, sigma))
        return features.float(), bottom.float()

    def divide(
        self, looked: tuple[Tensor, Tensor], image: Tensor, sigma: Tensor, at: Tensor, there: Tensor
    ) -> Divided:
        """Of galaxies at places (B, K, 2), where there are any, (B, K)."""
        features, bottom = looked
        size = image.shape[-1]
        whole = size + -size % self.unet.stride
        here = _sampled(features, at, size), _sampled(bottom, at, whole)
        width = features.shape[1]
        direction, disc, shift, correction = self.question(torch.cat(here, dim=2)).split(
            (width, 2, 2, self.bands), dim=2
        )
        agrees = torch.einsum("bkc,bcij->bkij", direction, features) / math.sqrt(width)
        bright, scale = BRIGHT + disc[:, :, 0], SCALE * disc[:, :, 1].clamp(-LIMIT, LIMIT).exp()
        logit = bright[:, :, None, None] - distance(at, size) / scale[:, :, None, None] + agrees
        logit = logit.masked_fill(~there[:, :, None, None], -torch.inf)
        share = torch.cat([logit, torch.zeros_like(logit[:, :1])], dim=1).softmax(dim=1)
        light = torch.einsum("bkij,bcij->bkc", share[:, :-1], image).clamp(min=0)
        least = torch.zeros_like(sigma)
        least[:, self.reference] = sigma[:, self.reference]  # a galaxy has light in the reference band
        light = torch.maximum(light, least[:, None])
        return Divided(share, correction.clamp(-LIMIT, LIMIT).exp() * light, shift)


def _sampled(features: Tensor, at: Tensor, size: int) -> Tensor:
    """Features (B, C, n, n), which cover an image of ``size`` pixels, at places (B, K, 2) on it: (B, K, C)."""
    grid = (2 * at[:, :, None] + 1) / size - 1
    found = functional.grid_sample(features, grid, padding_mode="border", align_corners=False)
    return found[:, :, :, 0].transpose(1, 2)


def centres(at: Tensor, real: Tensor, size: int) -> Tensor:
    """The heat map to be learned, (B, N, N): Gaussians of height 1 on the central pixels of galaxies, the largest."""
    apart = distance(at.round().clamp(0, size - 1), size)
    heat = torch.exp(-0.5 * (apart / WIDTH) ** 2)
    return torch.where(real[:, :, None, None], heat, 0.0).amax(dim=1)


def focal(logit: Tensor, heat: Tensor) -> Tensor:
    """Penalty-reduced focal loss per centre; Zhou et al. 2019, Eq. 1."""
    p = logit.sigmoid()
    hit = (1 - p) ** 2 * functional.logsigmoid(logit)
    miss = (1 - heat) ** 4 * p**2 * functional.logsigmoid(-logit)
    centre = heat == 1
    return -torch.where(centre, hit, miss).sum() / centre.sum().clamp(min=1)


def loss(network: nn.Module, batch: tuple[Tensor, ...], known: bool) -> Tensor:
    """Centres, shares, relative errors of the fluxes and, where galaxies are to be found, their places."""
    assert isinstance(network, Scenes)
    blend = Batch(*batch)
    looked = network.look(blend.image, blend.sigma)
    with torch.autocast(blend.image.device.type, enabled=False):
        asked = blend.there if known else blend.scored
        away = torch.zeros_like(blend.at) if known else BESIDE * (2 * torch.rand_like(blend.at) - 1)
        found = network.divide(looked, blend.image, blend.sigma, blend.at + away, asked)
        r = network.reference
        light = torch.where(asked[:, :, None, None], blend.light, 0.0)
        shares = _shares(found.share, partition(light, blend.sigma[:, r]))
        total = SHARE * shares + _fluxes(found.flux, blend, r)
        if known:
            return total
        heat = focal(network.heat(looked[0])[:, 0], centres(blend.at, blend.scored, blend.image.shape[-1]))
        return total + heat + _mean((found.shift + away).abs().sum(dim=2), blend.scored)


def _shares(share: Tensor, truth: Tensor) -> Tensor:
    """Squared error of the shares in a pixel, the mean over pixels with light; a scene is mostly sky."""
    weight = (1 - truth[:, -1]).clamp(min=SKY)
    return ((share - truth).square().sum(dim=1) * weight).sum() / weight.sum()


def _fluxes(flux: Tensor, blend: Batch, reference: int) -> Tensor:
    """Relative error in the reference band, and the mean of those in the others, of galaxies that count."""
    noise = FAINT * blend.sigma[:, None].expand_as(flux).clone()
    noise[:, :, reference] = 0
    apart = (flux - blend.flux).abs() / (blend.flux + noise).clamp(min=1e-30)
    error = apart.clamp(max=WORST)
    others = (error.sum(dim=2) - error[:, :, reference]) / max(error.shape[2] - 1, 1)
    return _mean(error[:, :, reference] + others, blend.scored)


def _mean(values: Tensor, of: Tensor) -> Tensor:
    return torch.where(of, values, 0.0).sum() / of.sum().clamp(min=1)


def peaks(heat: Tensor, threshold: float, most: int) -> tuple[Tensor, Tensor]:
    """Pixels above all around them: places (B, K, 2), and which of them are there, (B, K).

    heat : (B, N, N) in [0, 1]. The highest peak of an image always is one: no scene is empty.
    """
    size = heat.shape[-1]
    around = functional.max_pool2d(heat[:, None], 3, stride=1, padding=1)[:, 0]
    height, where = torch.where(heat == around, heat, 0.0).flatten(1).topk(most)
    there = height > threshold
    there[:, 0] = True
    k = int(there.sum(dim=1).max())
    at = torch.stack([where % size, where // size], dim=2).to(heat.dtype)
    return at[:, :k], there[:, :k]


@dataclass(frozen=True)
class Looked:
    """Some blends in the eight views.   heat : mean over them (B, N, N)."""

    image: Tensor
    sigma: Tensor
    looks: list[tuple[Tensor, Tensor]]
    heat: Tensor


@dataclass(frozen=True)
class Trained:
    """A trained network; means over the eight views of a blend."""

    network: Scenes
    task: Task
    device: torch.device
    workers: int
    threshold: float

    def predict(self, test: Table) -> Table:
        """Keys, fluxes, masks and images in the reference band; places where galaxies are to be found."""
        found: list[Table] = []
        with torch.inference_mode(), threads(self.workers):
            for i in range(0, rows(test), CHUNK):
                chunk = {name: column[i : i + CHUNK] for name, column in test.items()}
                found.append(self._rows(chunk[blends.KEY], self.look(chunk)))
        return {name: np.concatenate([part[name] for part in found]) for name in found[0]}

    def look(self, test: Table) -> Looked:
        """Everything but the galaxies, which may be asked for at any threshold then."""
        image, sigma = (device_of(test[name], self.device) for name in ("image", "sigma"))
        looks, heats = [], []
        for k in range(views.VIEWS):
            with half(self.device, RECIPE.bf16):
                looks.append(self.network.look(views.view(image, k, False), sigma))
            heat = self.network.heat(looks[-1][0]).sigmoid()
            heats.append(views.view(heat, views.inverse(k), False))
        return Looked(image, sigma, looks, torch.stack(heats).mean(dim=0)[:, 0])

    def _rows(self, ids: Array, looked: Looked) -> Table:
        if self.task.listed is None:
            at, there = peaks(looked.heat, self.threshold, self.task.most)
            number = there.cumsum(dim=1)[there] - 1
            numbers = number.cpu().numpy()
        else:
            listed = self.task.listed.of(ids)
            at, there = _padded(listed, self.device)
            numbers = listed.columns["obj"]
        share, flux, at = self.divided(looked, at, there)
        r = self.task.camera.reference
        part, rest = share[:, :-1], share[:, -1:]
        light = torch.where(part > LEAST, part, 0.0) * looked.image[:, r : r + 1]
        mask = part > self.task.camera.mask * rest
        table: Table = {
            blends.KEY: np.repeat(ids, there.sum(dim=1).cpu().numpy()),
            self.task.item: numbers,
        }
        if self.task.listed is None:
            table |= {name: at[there][:, axis].cpu().numpy() for axis, name in enumerate("xy")}
        table |= {name: flux[there][:, b].double().cpu().numpy() for b, name in enumerate(self.task.fluxes)}
        return table | {
            "mask": mask[there].to(torch.uint8).cpu().numpy(),
            "image": light[there][:, None].cpu().numpy(),
        }

    def divided(self, looked: Looked, at: Tensor, there: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Shares, fluxes and places of galaxies that stand near some places."""
        size = looked.image.shape[-1]
        shares, fluxes, placed = [], [], []
        for k, look in enumerate(looked.looks):
            here = views.places(at, k, size, False)
            found = self.network.divide(look, views.view(looked.image, k, False), looked.sigma, here, there)
            shares.append(views.view(found.share, views.inverse(k), False))
            fluxes.append(found.flux)
            placed.append(views.places(here + found.shift, views.inverse(k), size, False))
        mean = [sum(parts[1:], parts[0]) / len(parts) for parts in (shares, fluxes, placed)]
        return mean[0], mean[1], mean[2].clamp(-0.5, size - 0.5)


def _padded(listed: Ragged, device: torch.device) -> tuple[Tensor, Tensor]:
    """Places (B, K, 2) of listed galaxies, and which there are, (B, K)."""
    there = np.arange(max(int(listed.counts.max()), 1)) < listed.counts[:, None]
    at = np.zeros((*there.shape, 2), np.float32)
    at[there] = np.stack([listed.columns["x"], listed.columns["y"]], axis=1)
    return torch.from_numpy(at).to(device), torch.from_numpy(there).to(device)


def errors(model: Trained, test: Table, objects: Ragged) -> Array:
    """Errors of some blends as the score counts them, their sum and their number: (thresholds, 2)."""
    with torch.inference_mode(), threads(model.workers):
        looked = model.look(test)
        found = []
        for threshold in THRESHOLDS:
            table = replace(model, threshold=threshold)._rows(test[blends.KEY], looked)
            counts = np.bincount(
                np.searchsorted(test[blends.KEY], table[blends.KEY]), minlength=rows(test)
            ).astype(np.int64)
            columns = {name: table[name] for name in (model.task.item, "x", "y", *model.task.fluxes)}
            error = measure_scene(test, objects, Ragged(counts, columns), bands=LSST).rows["deblend_error"]
            found.append((np.nansum(error), np.isfinite(error).sum()))
    return np.array(found, dtype=np.float64)


def best_threshold(model: Trained, public: Public, aside: int) -> float:
    """That of the least error on the first training blends, which the network has not seen."""
    lists = Lists(public.path("train_objects"), blends.KEY)
    total, done = np.zeros((len(THRESHOLDS), 2)), 0
    for batch in public.batches("train", CHUNK):
        part = {name: column[: aside - done] for name, column in batch.items()}
        total += errors(model, part, lists.take(part[blends.KEY]))
        done += rows(part)
        if done >= aside:
            break
    return THRESHOLDS[int(np.argmin(total[:, 0] / np.maximum(total[:, 1], 1)))]


def train(public: Public, settings: Settings) -> Trained:
    """Train on the light, the fluxes and the places of training galaxies; then choose the threshold."""
    device, task = choose(settings.device), blends.task(public)
    known = task.listed is not None
    with seeded(settings.seed):
        network = on(Scenes(len(task.camera.bands), task.camera.reference), device)
    aside = 0 if known else min(public.rows("train") // ASIDE, MOST_ASIDE)
    data = Lessons(public, task, settings, device, start=aside)
    of_track = partial(loss, known=known)
    network = fit(network, of_track, data, RECIPE, settings, name="unet_scene", release=public.release_id)
    model = Trained(network, task, device, settings.workers, THRESHOLDS[len(THRESHOLDS) // 2])
    return replace(model, threshold=best_threshold(model, public, aside)) if aside else model
