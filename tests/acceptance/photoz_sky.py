"""The physics of the photo-z sky and its oracle as measured numbers beside the published ones.

``rows`` returns the table. A row whose tolerance is ``report`` is shown and never fails.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from blindsky.challenges.challenge import Size, Track
from blindsky.challenges.photoz import dust, features, filters, igm, labels, oracle, populations, templates
from blindsky.challenges.photoz.prior import Z_NODES
from blindsky.challenges.photoz.sky import PhotozSky, simulate
from blindsky.challenges.progress import Progress
from blindsky.challenges.randomness import object_ids
from blindsky.challenges.skies import Block
from blindsky.scoring import density
from blindsky.scoring.measurements import Array, FloatArray, Table
from tests.acceptance.line import Row, row

N = 30_000
N_REFERENCE = 6_000  # test objects behind the published oracle numbers
N_LABELS = 10_000
SEED = 20_261_121
SAMPLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "photoz" / "dc2_validation_9816.hdf5"
WAVE = populations.WAVELENGTH


def stream(key: int) -> np.random.Generator:
    """A fixed stream: the numbers below are the same on every run."""
    return np.random.Generator(np.random.Philox(key=[SEED, key]))


@cache
def sky(track: str, test: int = N) -> PhotozSky:
    """The sky of a track."""
    return simulate(Track(name=track, title="", description="", public=()), Size(N_LABELS, test), {})


def join(tables: list[Table]) -> Table:
    """Tables one after the other."""
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


@dataclass
class Split:
    """Galaxies of one split: public table, truth, and where asked for the oracle's scores on both grids."""

    public: Table
    truth: Table
    coarse: Table | None = None
    fine: Table | None = None


@cache
def train(track: str, n: int) -> Split:
    """The first ``n`` rows of the train split, selected as the track selects."""
    here, walk = sky(track), sky(track).selection("train", n)
    blocks: list[Block] = []
    count = 0
    while count < n:
        block = here.draw("train", len(blocks), here.block_rows, stream(len(blocks)))
        blocks.append(block if walk is None else walk.take(block))
        count += len(blocks[-1].public["flux_i"])
    public, truth = (
        join(list(t)) for t in ([b.public for b in blocks], [b.private["train_truth"] for b in blocks])
    )
    return Split({k: v[:n] for k, v in public.items()}, {k: v[:n] for k, v in truth.items()})


@cache
def test(track: str, n: int) -> Split:
    """``n`` galaxies of the test split with the oracle's posterior scored on 301 and on 601 nodes."""
    here = sky(track)
    parts: list[tuple[Table, Table, Table, Table]] = []
    for block, start in enumerate(range(0, n, here.block_rows)):
        rows = min(here.block_rows, n - start)
        truth, observed, f5 = here._galaxies(stream(1000 + block))
        truth, observed, f5 = {k: v[:rows] for k, v in truth.items()}, observed[:rows], f5[:rows]
        public: Table = {
            f"flux_{band}": column.astype(np.float32)
            for band, column in zip(here.survey.bands, observed.T, strict=True)
        }
        z = truth["z_true"]
        p = here._oracle.density(observed, f5)
        fine = density.measure(z, p, 0.0, 3.0)
        fine["entropy"] = -np.trapezoid(p * np.log(np.maximum(p, 1e-30)), dx=0.005, axis=1)
        fine["mode"] = Z_NODES[np.argmax(p, axis=1)]
        fine["median"] = density.median(p, 0.0, 3.0)
        coarse = density.measure(z, oracle.submittable(p), 0.0, 3.0)
        parts.append((public, truth, coarse, fine))
    return Split(*(join([part[k] for part in parts]) for k in range(4)))


def i_mag(public: Table) -> FloatArray:
    """Observed i."""
    return np.asarray(31.4 - 2.5 * np.log10(public["flux_i"].astype(np.float64)))


# templates and filters


def template_colours() -> Iterator[Row]:
    """The toy populations against the CWW and starburst templates in circulation."""
    with (files("blindsky.challenges.photoz") / "data" / "reference_template_colours.csv").open() as file:
        reference = list(csv.DictReader(file))
    pairs = (
        ("El", 0, 0.0, 1.0, 0.200), ("Sbc", 1, 0.2, 1.0, 0.113), ("Scd", 2, 0.05, 1.0, 0.093),
        ("Im", 3, 0.0, 3.0, 0.068), ("SB3", 3, 0.0, 1.0, 0.093), ("SB2", 4, 0.0, 3.0, 0.091),
    )  # fmt: skip
    for name, knot, ebv, k3, expected in pairs:
        chosen = [r for r in reference if r["template"].startswith(name + "_") and 0.05 <= float(r["z"]) <= 2]
        f = populations.knot_spectra(k3)[knot] * dust.attenuation(WAVE, ebv)
        z = np.array([float(r["z"]) for r in chosen])
        mags = -2.5 * np.log10(templates.band_fluxes(f[None], filters.LSST, z)[0])
        theirs = np.array([[float(r[c]) for c in ("u_g", "g_r", "r_i", "i_z", "z_y")] for r in chosen])
        residual = np.clip(mags[:, :-1] - mags[:, 1:] - theirs, -1, 1)
        yield row(f"colours of {name}, rms to z = 2", np.sqrt(np.mean(residual**2)), expected, 0.01, "mag")


def speclite_colours() -> Iterator[Row]:
    """Our knots against the full Rubin throughputs, by an integral in the observed frame."""
    if find_spec("speclite") is None:
        return
    import speclite.filters

    curves = speclite.filters.load_filters("lsst2023-*")
    nodes = np.arange(10, 401, 30)  # z = 0.05 ... 2, as the templates in circulation are compared
    G = templates.model_table(filters.LSST)
    residual = []
    for node in nodes:
        z = Z_NODES[node]
        fluxes = []
        for curve in curves:
            wave, R = np.asarray(curve.wavelength, dtype=float), np.asarray(curve.response, dtype=float)
            fine = np.arange(wave[0], wave[-1], 1.0)
            weight = np.interp(fine, wave, R) * fine * igm.transmission(fine, z)
            f = np.array([np.interp(fine / (1 + z), WAVE, spectrum) for spectrum in templates.spectra()])
            fluxes.append(f @ weight / np.trapezoid(np.interp(fine, wave, R) / fine, fine))
        theirs = -2.5 * np.log10(np.array(fluxes).T)
        ours = -2.5 * np.log10(G[:, node])
        residual.append(np.diff(ours, axis=1) - np.diff(theirs, axis=1))
    rms = np.sqrt(np.mean(np.square(residual)))
    yield row("G against speclite lsst2023, colours, rms", rms, "< 0.05", "< 0.05", "mag", met=rms < 0.05)


# the population


def population() -> Iterator[Row]:
    """Redshifts, classes, signal to noise of the test galaxies."""
    from scipy.special import gammainc
    from scipy.stats import kstest

    found = train("representative", N)
    z = found.truth["z_true"]
    book = kstest(z, lambda x: gammainc(3, x / 0.311) / gammainc(3, 3 / 0.311)).statistic
    yield row("N(z) against the LSST Science Book, KS distance", book, 0.020, "< 0.03", met=book < 0.03)
    yield row("mean z", z.mean(), 0.943, 0.015)
    quantiles = np.quantile(z, [0.05, 0.25, 0.5, 0.75, 0.95])
    for percent, value, expected in zip(
        (5, 25, 50, 75, 95), quantiles, (0.259, 0.550, 0.847, 1.238, 1.957), strict=True
    ):
        yield row(f"z, {percent} % quantile", value, expected, 0.03)
    yield row("fraction with non-positive u flux", np.mean(found.public["flux_u"] <= 0), 0.0214, 0.004)
    for band, expected in zip(filters.LSST, (6.6, 28.8, 45.1, 46.1, 35.4, 19.4), strict=True):
        snr = np.median(found.public[f"flux_{band}"] / found.public[f"flux_err_{band}"])
        yield row(f"median S/N in {band}", snr, expected, 0.1 * expected)
    shares = np.bincount(found.truth["type_class"], minlength=3) / N
    for name, share, expected in zip(templates.CLASSES, shares, (0.074, 0.282, 0.644), strict=True):
        yield row(f"class fraction {name}", share, expected, 0.01)
    if SAMPLE.exists() and find_spec("h5py") is not None:
        import h5py

        with h5py.File(SAMPLE) as file:
            theirs = file["photometry/redshift"][:]
        theirs = theirs[(theirs >= 0) & (theirs <= 3)]
        yield row("mean z of the cosmoDC2 sample", theirs.mean(), 0.918)
        yield row("KS distance of our N(z) to the cosmoDC2 sample's", ks_two(z, theirs), "one healpix pixel")


def ks_two(a: Array, b: Array) -> float:
    """Two-sample KS distance."""
    from scipy.stats import ks_2samp

    return float(ks_2samp(a, b).statistic)


def errors() -> Iterator[Row]:
    """The reported errors against photerr, where the depth is the nominal one."""
    from blindsky.challenges.photoz import photometry

    survey = photometry.survey(("r",))
    theirs: FloatArray | None = None
    if find_spec("photerr") is not None:
        import photerr

        mags = np.array([[22.0], [24.0], [26.0]])
        theirs = photerr.LsstErrorModelV1()._get_nsr_from_mags(mags, None, None, ["r"])[:, 0]
    for k, (m, expected) in enumerate(((22.0, 0.00498), (24.0, 0.01186), (26.0, 0.06814))):
        F = photometry.flux(np.array([[m]]))
        nsr = float(photometry.reported_error(F, survey.f5[None], survey.photons)[0, 0] / F[0, 0])
        yield row(
            f"flux_err / flux at r = {m:g} against photerr's published value", nsr, expected, 0.03 * expected
        )
        if theirs is not None:
            now = float(theirs[k])
            yield row(f"flux_err / flux at r = {m:g} against photerr run here", nsr, now, 0.03 * now)


# the oracle


def point_scores(e: FloatArray) -> tuple[float, float]:
    """sigma_nmad and out15 of e = (z_est - z)/(1 + z)."""
    return float(1.4826 * np.median(np.abs(e - np.median(e)))), float(np.mean(np.abs(e) > 0.15))


def calibration() -> Iterator[Row]:
    """PIT, and the posterior against its own entropy and its own expected height."""
    from scipy.stats import kstest

    found = test("representative", N)
    assert found.fine is not None and found.coarse is not None
    fine, coarse = found.fine, found.coarse
    for label, scores in (("601 nodes", fine), ("301 nodes, as submitted", coarse)):
        for n, tolerance in ((N_REFERENCE, "p > 0.01"), (N, "report")):
            found_ks = kstest(scores["pit"][:n], "uniform")
            met = found_ks.pvalue > 0.01 if n == N_REFERENCE else None
            name = f"oracle PIT, KS distance, n = {n}, {label} (p = {found_ks.pvalue:.2g})"
            yield row(name, found_ks.statistic, 0.0085, tolerance, met=met)
    surprise = np.log(fine["p_true"]) + fine["entropy"]
    error = surprise.std() / np.sqrt(N)
    yield row(
        "oracle, mean [log p(z_true) + entropy], 601 nodes", surprise.mean(), 0.0, float(3 * error), "nat"
    )
    ratio = fine["p_true"].mean() / fine["int_p2"].mean()
    yield row("oracle, mean p(z_true) / mean Int p^2, 601 nodes", ratio, 1.0, 0.04)
    ratio = coarse["p_true"].mean() / coarse["int_p2"].mean()
    yield row("oracle, mean p(z_true) / mean Int p^2, 301 nodes", ratio, 1.0)


def oracle_scores() -> Iterator[Row]:
    """The oracle's row among the baselines, within three standard errors of the published 6,000 objects."""
    found = test("representative", N)
    assert found.fine is not None and found.coarse is not None
    fine, coarse, z = found.fine, found.coarse, found.truth["z_true"]
    for nodes, scores, log_p, cde in ((601, fine, 1.857, -12.24), (301, coarse, 1.850, -11.89)):
        yield row(f"oracle mean_log_p, {nodes} nodes", scores["log_p"].mean(), log_p, 3 * 0.017, "nat")
        loss = np.mean(scores["int_p2"] - 2 * scores["p_true"])
        yield row(f"oracle cde_loss, {nodes} nodes", loss, cde, 3 * 0.25, "1/z")
    yield row("oracle crps", fine["crps"].mean(), 0.0559, 0.1 * 0.0559)
    for name, nmad, out in (("mode", 0.0173, 0.053), ("median", 0.0181, 0.041)):
        found_nmad, found_out = point_scores((fine[name] - z) / (1 + z))
        yield row(f"oracle sigma_nmad, {name}", found_nmad, nmad, 0.08 * nmad)
        yield row(f"oracle out15, {name}", found_out, out, 3 * 0.003)
    edges = np.quantile(fine["pdf_mean"], [0.2, 0.4, 0.6, 0.8], method="inverted_cdf")
    bins = np.searchsorted(edges, fine["pdf_mean"], side="left")
    for k, expected in enumerate((0.001, -0.002, -0.002, 0.001, 0.0)):
        inside = bins == k
        bias = np.mean(fine["pdf_mean"][inside] - z[inside]) / (1 + z[inside].mean())
        spread = np.std(fine["pdf_mean"][inside] - z[inside]) / (1 + z[inside].mean())
        error = 3 * float(spread * np.hypot(1 / np.sqrt(inside.sum()), 1 / np.sqrt(N_REFERENCE / 5)))
        yield row(f"oracle tomo_bias_pdf_{k + 1}", bias, expected, error)


def oracle_slices() -> Iterator[Row]:
    """The oracle by magnitude and by redshift; tolerances are three standard errors of both samples."""
    found = test("representative", N)
    assert found.fine is not None
    fine, z, i = found.fine, found.truth["z_true"], i_mag(found.public)
    e = (fine["mode"] - z) / (1 + z)
    published = (
        (16.0, 22.0, 0.0061, 0.0, 3.25), (22.0, 23.0, 0.0080, 0.002, 2.85), (23.0, 24.0, 0.0123, 0.008, 2.32),
        (24.0, 24.7, 0.0228, 0.051, 1.66), (24.7, 25.3, 0.0385, 0.114, 1.01),
    )  # fmt: skip
    for low, high, nmad, out, log_p in published:
        inside = (i >= low) & (i < high)
        scale = joint_error(inside)
        found_nmad, found_out = point_scores(e[inside])
        label = f"{low:g} <= i < {high:g}"
        # sd of the NMAD of heavy-tailed errors ~ 1.5 sigma / sqrt(n)
        yield row(f"oracle sigma_nmad, {label}", found_nmad, nmad, 3 * 1.5 * nmad * scale)
        yield row(f"oracle out15, {label}", found_out, out, 3 * share_error(out, scale) + 0.0005)
        spread = fine["log_p"][inside].std()
        yield row(
            f"oracle mean_log_p, {label}",
            fine["log_p"][inside].mean(),
            log_p,
            float(3 * spread * scale),
            "nat",
        )
    zs = ((0.0, 0.5, 0.057), (0.5, 1.0, 0.013), (1.0, 1.5, 0.013), (1.5, 2.0, 0.145), (2.0, 3.0, 0.412))
    for low, high, out in zs:
        inside = (z >= low) & (z < high)
        scale = joint_error(inside)
        share = point_scores(e[inside])[1]
        yield row(f"oracle out15, {low:g} <= z < {high:g}", share, out, 3 * share_error(out, scale) + 0.0005)


def joint_error(inside: Array) -> float:
    """sqrt(1/n + 1/n_reference) of a slice."""
    return float(np.sqrt(1 / inside.sum() + N / inside.sum() / N_REFERENCE))


def share_error(share: float, scale: float) -> float:
    """Standard error of the difference of two shares."""
    return float(np.sqrt(max(share, 0.001) * (1 - share)) * scale)


def nir_scores() -> Iterator[Row]:
    """The oracle with Euclid's bands."""
    found = test("nir", 2 * N_REFERENCE)
    assert found.fine is not None
    fine, z = found.fine, found.truth["z_true"]
    nmad, out = point_scores((fine["mode"] - z) / (1 + z))
    yield row("nir oracle mean_log_p", fine["log_p"].mean(), 2.207, 3 * 0.017, "nat")
    loss = fine["int_p2"] - 2 * fine["p_true"]
    error = float(3 * loss.std() * np.sqrt(1 / len(z) + 1 / N_REFERENCE))
    yield row("nir oracle cde_loss", loss.mean(), -17.54, error, "1/z")
    yield row("nir oracle crps", fine["crps"].mean(), 0.0288, 0.1 * 0.0288)
    yield row("nir oracle sigma_nmad", nmad, 0.0121, 0.08 * 0.0121)
    yield row("nir oracle out15", out, 0.020, 3 * share_error(0.020, np.sqrt(1 / len(z) + 1 / N_REFERENCE)))


# labels and leaks


def label_statistics() -> Iterator[Row]:
    """The labelled set of ``biased`` beside the population."""
    everyone = train("representative", N)
    i, z = i_mag(everyone.public), everyone.truth["z_true"]
    for name, survey, expected in (("bright", labels.BRIGHT, 0.11), ("deep", labels.DEEP, 0.39)):
        share = np.mean(labels.success(z) * labels.completeness(i, survey))
        yield row(f"share of the population eligible as {name}", share, expected, 0.01)
    labelled = train("biased", N_LABELS)
    # the rule of 4.8 as written has the expectations 21.253 and 0.576
    yield row("labelled <i>", i_mag(labelled.public).mean(), 21.31, unit="mag")
    yield row("labelled <z>", labelled.truth["z_true"].mean(), 0.580, 0.015)
    yield row("test <i>", i.mean(), 23.87, 0.03, "mag")
    yield row("test <z>", z.mean(), 0.944, 0.015)
    wrong = labelled.truth["redshift_is_wrong"].mean()
    yield row("share of wrong redshifts", wrong, "0.004 to 0.009", "range", met=0.004 <= wrong <= 0.009)
    yield row("share of deep labels", np.mean(labelled.public["survey"] == "deep"), 0.15, 1e-9)


def label_shift() -> Iterator[Row]:
    """Whether a classifier tells labels from test photometry: it must not, but on the biased track.

    Fitted on 3,000 labels and 6,000 test objects, tried on as many others; the mean of three shuffles.
    """
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.metrics import roc_auc_score

    theirs = features.features(test("representative", N).public)
    y = np.repeat([1, 0], [3000, 6000])
    for track, expected in (("representative", 0.497), ("biased", 0.874)):
        ours = features.features(train(track, N_LABELS).public)
        areas = []
        for shuffle in range(3):
            rng = stream(9000 + shuffle)
            a, b = rng.permutation(ours), rng.permutation(theirs)
            model = HistGradientBoostingClassifier(max_iter=60, random_state=shuffle)
            model.fit(np.concatenate([a[:3000], b[:6000]]), y)
            p = model.predict_proba(np.concatenate([a[3000:6000], b[6000:12_000]]))[:, 1]
            areas.append(roc_auc_score(y, p))
        yield row(f"train-vs-test classifier, AUC, {track}", np.mean(areas), expected, 0.02)


def leaks() -> Iterator[Row]:
    """What carries no information must not: order, ids, low bits of the errors; and no galaxy comes twice."""
    split = train("representative", N)
    z = split.truth["z_true"]
    limit = 3 / np.sqrt(N)
    number = np.arange(N)
    ids = object_ids(bytes(range(32)), "acceptance", number)
    low = {b: split.public[f"flux_err_{b}"].view(np.uint32) & 0xFF for b in filters.LSST}
    for name, column in (
        ("object_id", ids), ("row order", number), *((f"last 8 bits of flux_err_{b}", low[b]) for b in low),
    ):  # fmt: skip
        r = abs(float(np.corrcoef(column.astype(np.float64), z)[0, 1]))
        yield row(f"leak: |corr| of {name} with z", r, f"< {limit:.4f}", "3/sqrt(n)", met=r < limit)
    both = [train("representative", N).public, test("representative", N).public]
    photometry = np.concatenate([np.stack([t[f"flux_{b}"] for b in filters.LSST], axis=1) for t in both])
    copies = len(photometry) - len(np.unique(photometry, axis=0))
    yield row("duplicate rows in train and test", copies, 0.0, 0.0)


PARTS = (
    template_colours,
    speclite_colours,
    population,
    errors,
    calibration,
    oracle_scores,
    oracle_slices,
    nir_scores,
    label_statistics,
    label_shift,
    leaks,
)


def rows(progress: Progress) -> list[Row]:
    """Every check of the sky and its oracle; about a minute on two cores."""
    found: list[Row] = []
    for part in PARTS:
        progress.note(part.__name__)
        found += part()
        progress.advance()
    return found
