"""From what a method sums to total fluxes: one factor a band, the median over training galaxies."""

from __future__ import annotations

import numpy as np

from blindsky.baselines.baseline import Settings
from blindsky.baselines.deblending.blends import KEY, Galaxies, Task, each
from blindsky.challenges.challenge import rows
from blindsky.challenges.deblending.measure import GATE
from blindsky.challenges.release import Public
from blindsky.challenges.skies import Ragged
from blindsky.challenges.tables import column_names
from blindsky.scoring.matching import Points, match
from blindsky.scoring.measurements import FloatArray, Table

MOST = 1000  # training blends: the median is known to a per cent
CLEAN = 0.05  # blendedness below which a galaxy of a scene is as good as alone


def factors(
    public: Public, task: Task, found: Galaxies, settings: Settings, name: str, clean: bool
) -> FloatArray:
    """True flux over measured flux, (bands,), median over the galaxies of the first training blends.

    clean : whether galaxies that others cover are left out, where the release says which those are.
    """
    wanted = ("obj", "x", "y", "scored", "blendedness", *(f"flux_{band}" for band in task.camera.bands))
    known = set(column_names(public.path("train_objects")))
    truth = public.table("train_objects", [KEY, *(c for c in wanted if c in known)])
    order = np.argsort(truth[KEY], kind="stable")
    truth = {c: v[order] for c, v in truth.items()}
    total, done = min(MOST, public.rows("train")), 0
    ratios: list[FloatArray] = []
    with settings.progress(f"calibrating {name}", total, "blends") as bar:
        for batch in public.batches("train", None):
            part = {c: v[: total - done] for c, v in batch.items()}
            ratios.append(_ratios(task, found, part, truth, settings.workers, clean))
            done += rows(part)
            bar.advance(rows(part))
            if done == total:
                break
    ratio = np.concatenate(ratios)
    return np.array([float(np.median(r[r > 0])) if (r > 0).any() else 1.0 for r in ratio.T])


def _ratios(
    task: Task, found: Galaxies, blends: Table, truth: Table, workers: int, clean: bool
) -> FloatArray:
    """True over measured flux of the galaxies of some blends, (m, bands); 0 where nothing was measured."""
    starts, ends = (np.searchsorted(truth[KEY], blends[KEY], side) for side in ("left", "right"))
    chosen = np.concatenate([np.arange(a, b) for a, b in zip(starts, ends, strict=True)])
    objects = Ragged((ends - starts).astype(np.int64), {c: v[chosen] for c, v in truth.items()})
    true = objects.columns
    if task.listed is None:
        seen = each(found, blends, None, workers)
        x, y, flux = (np.concatenate([g[c] for g in seen]) for c in ("x", "y", "flux"))
        counts = np.array([len(g["x"]) for g in seen])
        given = match(Points(objects.counts, true["x"], true["y"]), Points(counts, x, y), gate=GATE)
        flux = np.concatenate([flux, np.zeros((1, flux.shape[1]))])[given]  # -1: nobody, the last row
    else:
        told = ("obj", "x", "y") if task.listed.placed else ("obj",)
        listed = Ragged(objects.counts, {c: true[c] for c in told})
        flux = np.concatenate([g["flux"] for g in each(found, blends, listed, workers)])
    counted = np.asarray(true["scored"], dtype=bool) if "scored" in true else np.ones(len(flux), bool)
    if clean and "blendedness" in true:
        counted = counted & (true["blendedness"] < CLEAN)
    fluxes = np.stack([true[f"flux_{band}"] for band in task.camera.bands], axis=1)
    ratio = np.divide(fluxes, flux, out=np.zeros_like(fluxes), where=flux > 0)
    return np.asarray(ratio[counted])
