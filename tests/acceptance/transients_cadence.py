"""Visits, noise and flags of the transient sky as measured numbers beside PLAsTiCC's.

Rows against the ten real objects are left out where the sample file is not here.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from blindsky.challenges.progress import Progress
from blindsky.challenges.transients import cadence, hosts, noise, positions
from tests.acceptance.line import Row, row

SAMPLE = (
    Path(__file__).resolve().parents[3] / "shared/data/transients/plasticc_training_sample_lightcurves.csv"
)
OBJECTS = 20_000
SURVEYS = 20


def stream(topic: int) -> np.random.Generator:
    """The generator of a topic."""
    return np.random.Generator(np.random.Philox(key=[20_261_121, topic]))


def visits() -> Iterator[Row]:
    """How often objects are observed, before anything is selected."""
    ra = positions.wide(stream(1), OBJECTS).ra
    v = cadence.wide(stream(2), ra)
    number = np.bincount(v.index, minlength=OBJECTS)
    yield row("WFD: observations an object, candidates", number.mean(), 127.0, 3.0)
    yield row("WFD: the same, rms scatter", number.std(), "16.2 of the fit")
    totals = np.concatenate([np.bincount(cadence.calendars(stream(100 + k)).index) for k in range(SURVEYS)])
    mean = float(totals.mean())
    yield row("DDF: observations an object, mean over fields and surveys", mean, 340.0, 10.0)
    yield row("DDF: share of fields with 300 to 360", np.mean((totals >= 300) & (totals <= 360)), "most")
    share = (5732 * number.mean() + 2116 * mean) / 7848
    yield row("observations an object, training mix of PLAsTiCC", share, 181.0, 0.05 * 181)


def sample() -> Iterator[Row]:
    """Noise and flags of ten real objects in the deep fields."""
    if not SAMPLE.exists():
        return
    lines = list(csv.DictReader(SAMPLE.read_text().splitlines()))
    flux, error, band, flag = (
        np.array([float(line[name]) for line in lines])
        for name in ("flux", "flux_err", "passband", "detected")
    )
    snr = np.abs(flux / error)
    bands = np.arange(60_000) % 6
    ours = np.log(noise.background(stream(3), bands, True))
    for k, name in enumerate("ugrizy"):
        theirs = np.log(error[(band == k) & (snr < 5)]).mean()
        yield row(
            f"DDF: mean ln sigma in {name}, against the sample", ours[bands == k].mean(), float(theirs), 0.15
        )
    flagged = noise.detected(stream(4), np.tile(snr, 200)).reshape(200, -1).mean(axis=0)
    edges = ((2, 3, 0.03), (3.5, 4, 0.14), (5, 5.5, 0.46), (5.5, 6, 0.60), (7, 8, 0.85), (10, 15, 0.98))
    for low, high, published in edges:
        inside = (snr >= low) & (snr < high)
        name = f"flagged at |S/N| {low:g}-{high:g} (sample {flag[inside].mean():.2f}, n = {inside.sum()})"
        yield row(name, flagged[inside].mean(), published, 0.10)


def spectra() -> Iterator[Row]:
    """Hosts with a spectroscopic redshift."""
    z = stream(5).uniform(0.02, 0.6, OBJECTS)
    for survey, deep in (("WFD", False), ("DDF", True)):
        has = np.isfinite(hosts.spectroscopic(stream(6), z, deep, always=False)).mean()
        expected = float(hosts.efficiency(z, deep).mean())
        error = 3 * float(np.sqrt(expected * (1 - expected) / OBJECTS))
        yield row(f"{survey}: hosts with a spectrum, z uniform to .6", has, expected, error)


def rows(report: Progress) -> list[Row]:
    """The table."""
    found: list[Row] = []
    for topic in (visits, sample, spectra):
        found += topic()
        report.advance()
    return found
