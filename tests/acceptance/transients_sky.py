"""Whole releases of the transients sky: their counts, what the pipeline detects, and that nothing gives a class away.

The releases are ``small`` ones of ``biased`` and ``representative``; efficiencies are those of the sky's own blocks.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from blindsky.challenges.generation import generate
from blindsky.challenges.progress import Progress
from blindsky.challenges.release import Release
from blindsky.challenges.skies import Block
from blindsky.challenges.transients import CHALLENGE, cadence, counts, noise, positions
from blindsky.challenges.transients.classes import CLASSES
from blindsky.challenges.transients.populations import POPULATIONS
from blindsky.challenges.transients.sky import TransientSky, simulate
from blindsky.scoring.measurements import Array, FloatArray, Table
from blindsky.scoring.ranking import auroc
from tests.acceptance.line import Row, row
from tests.acceptance.transients_efficiency import PUBLISHED
from tests.acceptance.transients_variables import EFFICIENCIES, OTHERWISE

KEY = bytes(range(32))
CANDIDATES = {"wide": 98_304, "deep": 16_384}  # of every population
FAINTER = {"ILOT": 4, "Ca-rich": 2}  # so many times more of those
CUT = (
    "RRL",
    "Mira",
    "EB",
    "uLens",
    "uLens-binary",
)  # saturated ones are cut, which the prototype did not count
CALENDARS = (
    0.08  # scatter of shares in the deep fields between calendars (kilonovae, six of them); the table has one
)
SIGMAS = 4.0  # of an AUC of some hundred objects, where that is more than the tolerance


def stream(topic: int, block: int = 0) -> np.random.Generator:
    """The generator of a topic."""
    return np.random.Generator(np.random.Philox(key=[20_261_123, 10_000 * topic + block]))


def drawn(sky: TransientSky, name: str, survey: str, topic: int) -> tuple[list[Block], int]:
    """Blocks of the test split, and how many candidates they had."""
    size = POPULATIONS[name].candidates[survey == "deep"]
    number = CANDIDATES[survey] * FAINTER.get(name, 1) // size
    blocks = [sky.draw("test", f"{name}-{survey}", b, stream(topic, b)) for b in range(number)]
    return blocks, number * size


def efficiencies(report: Progress) -> Iterator[Row]:
    """Shares of candidates that are reported, and redshifts of those in the wide survey."""
    sky = simulate(CHALLENGE.track("biased"), counts.TINY, {})
    sky.prepare(stream(0))
    known = {name: (p.plasticc, p.recipe, p.median) for name, p in PUBLISHED.items()}
    known |= {source.name: (*shares, None) for source, *shares in EFFICIENCIES}
    known["AGN"] = (*known["AGN"][:2], 1.30)
    for topic, (name, (plasticc, recipe, median)) in enumerate(known.items(), start=1):
        for k, survey in enumerate(("wide", "deep")):
            blocks, n = drawn(sky, name, survey, 2 * topic + k)
            z = np.concatenate([block.private["truth"]["true_z"] for block in blocks])
            share, ours = len(z) / n, recipe[k]
            label = f"{name} {survey}: reported of candidates"
            met = 1 / 1.5 < share / plasticc[k] < 1.5
            yield row(f"{label}, PLAsTiCC", share, plasticc[k], "factor 1.5", "", met)
            sigma = np.hypot(np.sqrt(2 * ours / n), CALENDARS * ours * k)
            otherwise = name in CUT or (name, ("WFD", "DDF")[k]) in OTHERWISE
            yield row(label, share, ours, "report" if otherwise else float(max(0.1 * ours, 3 * sigma)))
            if survey == "wide" and median:
                yield row(
                    f"{name} wide: median redshift", float(np.median(z)), median, max(0.03, 0.06 * median)
                )
            report.advance()


def numbers(release: Release, track: str) -> Iterator[Row]:
    """Objects of every population and survey, against what is declared."""
    representative = track == "representative"
    for split, mix in (
        ("train", counts.train_mix(counts.SMALL, representative)),
        ("test", counts.test_mix(counts.SMALL)),
    ):
        table, truth = release.public.table(split), hidden(release, split)
        wrong = 0
        for target in np.unique([p.source.target for p in POPULATIONS.values()]):
            own = [mix[name] for name, p in POPULATIONS.items() if p.source.target == target]
            mine = truth["true_target"] == target
            deep = int(table["ddf"][mine].sum())
            wrong += abs(deep - sum(k.deep for k in own)) + abs(int(mine.sum()) - sum(map(sum, own)))
        name = f"{track} {split}: objects of another class or survey than declared"
        yield row(name, float(wrong), 0.0, 0.0)


def hidden(release: Release, split: str) -> Table:
    """The truth of a split."""
    from blindsky.challenges import tables

    return tables.read(release.private / ("truth.parquet" if split == "test" else "train_truth.parquet"))


def observations(release: Release) -> Iterator[Row]:
    """Rows an object."""
    for split in ("test", "train"):
        table = release.public.table(split)
        number = lengths(release, split)
        if split == "test":
            deep = table["ddf"] > 0
            yield row("WFD test: observations an object", float(number[~deep].mean()), 127.0, 3.0)
            mean = float(number[deep].mean())
            yield row("DDF test: observations an object", mean, "300 to 360", "", "", 300 <= mean <= 360)
        else:
            yield row("training: observations an object", float(number.mean()), 181.0, 0.05 * 181)


def lengths(release: Release, split: str) -> Array:
    """Number of observations of every object."""
    ids = release.public.table(f"{split}_lightcurves", ["object_id"])["object_id"]
    edges = np.searchsorted(ids, release.public.table(split)["object_id"])
    return np.diff(edges, append=len(ids))


def spectra(release: Release) -> Iterator[Row]:
    """Hosts with a spectrum, in the mix of the full test set."""
    table, truth = release.public.table("test"), hidden(release, "test")
    has, full = np.isfinite(table["hostgal_specz"]), counts.test_mix(counts.FULL)
    for deep, zs, expected in ((0, (0, 4), 0.035), (1, (0, 0.6), 0.60)):
        part = (table["ddf"] == deep) & (truth["true_z"] > zs[0])
        weight = np.zeros(len(has))
        for target in np.unique(truth["true_target"][part]):
            mine = part & (truth["true_target"] == target)
            names = [name for name, p in POPULATIONS.items() if p.source.target == target]
            weight[mine] = sum(full[name][deep] for name in names) / mine.sum()
        weight[truth["true_z"] >= zs[1]] = 0
        share = float((weight * has).sum() / weight.sum())
        error = 3 * float(np.sqrt(share * (1 - share) * (weight**2).sum())) / float(weight.sum())
        name = f"{('WFD', 'DDF')[deep]} test: hosts with a spectrum, mix of the full test set"
        yield row(f"{name}, z < {zs[1]}", share, expected, error)


def worst(truth: Array, score: Array) -> tuple[float, float, bool]:
    """The AUC farthest from 1/2 of one class against all others, its class, and whether all are near enough."""
    found = [(float(auroc(truth == c, score)), int((truth == c).sum()), c) for c in np.unique(truth)]
    auc, _, c = max(found, key=lambda one: abs(one[0] - 0.5))
    near = all(abs(a - 0.5) <= max(0.02, SIGMAS * np.sqrt(1 / 12 / n)) for a, n, _ in found)
    return auc, float(c), near


def leaks(release: Release) -> Iterator[Row]:
    """What should tell nothing tells nothing."""
    table, truth = release.public.table("test"), hidden(release, "test")
    rows = release.public.table("test_lightcurves")
    y = np.where(truth["true_target"] > 99, 99, truth["true_target"])
    edges = np.searchsorted(rows["object_id"], table["object_id"])
    number = np.diff(edges, append=len(rows["object_id"]))

    def mean(column: Array) -> FloatArray:
        return np.add.reduceat(column.astype(np.float64), edges) / number

    wide = table["ddf"] == 0
    digits = np.unpackbits(rows["flux"].view(np.uint8).reshape(-1, 4)[:, 0]).reshape(-1, 8).sum(axis=1)
    place = table["ra"].view(np.uint8).reshape(-1, 4)[:, 0]
    scores = {
        "object_id": (table["object_id"], None),
        "last digit of the id": (table["object_id"] % 10, None),
        "row order": (np.arange(len(y)), None),
        "board part": (truth["part"] == "public", None),
        "last bits of the fluxes": (mean(digits), wide),
        "last bits of the right ascension": (place, None),
        "fluxes that are exactly 0": (mean(rows["flux"] == 0), wide),
    }
    for name, (score, part) in scores.items():
        inside = np.ones(len(y), bool) if part is None else part
        auc, c, near = worst(y[inside], np.asarray(score)[inside].astype(np.float64))
        yield row(f"leak: {name}, worst of the classes ({c:.0f})", auc, 0.5, "0.02 or 4 sigma", "", near)
    galactic = np.isin(y, [c.number for c in CLASSES if c.galactic])
    for name in ("object_id", "row order"):
        auc = float(auroc(galactic, np.asarray(scores[name][0], dtype=np.float64)))
        yield row(f"leak: {name}, Galactic or not", auc, 0.5, 0.02)


def before_the_trigger(report: Progress) -> Iterator[Row]:
    """Number of visits and the background noise of candidates, which know nothing of what is observed."""
    number, sigma, y = [], [], []
    for k, (name, population) in enumerate(POPULATIONS.items()):
        s, n = stream(200 + k), 4096
        density = positions.DENSITY.get(population.source.target, positions.isotropic)
        visits = cadence.wide(s, positions.wide(s, n, density).ra)
        background = np.log(noise.background(s, visits.band, deep=False))
        own = np.bincount(visits.index, minlength=n)
        r = visits.band == 2
        number.append(own)
        sigma.append(
            np.bincount(visits.index[r], background[r], n) / np.bincount(visits.index[r], minlength=n)
        )
        y.append(np.full(n, k))
        assert name in POPULATIONS
        report.advance()
    for label, column in (("number of visits", number), ("mean ln sigma in r", sigma)):
        auc, k, near = worst(np.concatenate(y), np.concatenate(column).astype(np.float64))
        name = list(POPULATIONS)[int(k)]
        yield row(f"leak: {label}, WFD candidates, worst ({name})", auc, 0.5, 0.02, "", near)


def features(release: Release, split: str) -> FloatArray:
    """A few numbers of each object, none of which a training object has by being one."""
    table, rows = release.public.table(split), release.public.table(f"{split}_lightcurves")
    edges = np.searchsorted(rows["object_id"], table["object_id"])
    snr = rows["flux"] / rows["flux_err"]
    columns = [table["hostgal_photoz"], table["hostgal_photoz_err"], table["mwebv"], table["ddf"]]
    columns.append(np.add.reduceat(rows["detected"].astype(np.float64), edges))
    for band in range(6):
        own = np.where(rows["passband"] == band, snr, -np.inf)
        columns += [np.maximum.reduceat(own, edges)]
        flux = np.where(rows["passband"] == band, rows["flux"], -np.inf)
        columns += [np.arcsinh(np.maximum.reduceat(flux, edges).clip(-1e9))]
    return np.stack([np.asarray(c, dtype=np.float64).clip(-1e9, 1e9) for c in columns], axis=1)


def shift(release: Release, track: str) -> float:
    """AUC of a classifier that tells training from test objects of the same classes, class by class alike."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.model_selection import cross_val_predict

    target = [release.public.table("train")["target"], hidden(release, "test")["true_target"]]
    known = target[1] < 99
    X = np.concatenate([features(release, "train"), features(release, "test")[known]])
    test = np.repeat([False, True], [len(target[0]), int(known.sum())])
    weight = np.ones(len(test))
    y = np.concatenate([target[0], target[1][known]])
    if (
        track == "representative"
    ):  # the mix of classes is another: weigh the test objects to that of the training set
        for c in np.unique(y):
            weight[test & (y == c)] *= (y[~test] == c).sum() / (test & (y == c)).sum()
    model = HistGradientBoostingClassifier(max_iter=100, random_state=1)
    p = cross_val_predict(model, X, test, cv=4, method="predict_proba", params={"sample_weight": weight})[
        :, 1
    ]
    return weighted_auroc(test, p, weight)


def weighted_auroc(truth: Array, score: Array, weight: Array) -> float:
    """The area under the ROC curve of weighted objects."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(truth, score, sample_weight=weight))


def rows(report: Progress) -> list[Row]:
    """The table."""
    found = [*efficiencies(report), *before_the_trigger(report)]
    with tempfile.TemporaryDirectory() as folder:
        for track in ("biased", "representative"):
            release = generate(CHALLENGE, track, "small", Path(folder), key=KEY, workers=2)
            report.advance()
            found += numbers(release, track)
            auc = shift(release, track)
            name = f"{track}: AUC of training against test objects"
            if track == "representative":
                found.append(row(name, auc, 0.50, 0.03))
                continue
            found.append(row(name, auc, 0.79, "> .72", "", auc > 0.72))
            found += [*observations(release), *spectra(release), *leaks(release)]
    return found
