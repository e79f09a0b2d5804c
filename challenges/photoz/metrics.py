"""The metrics of the photo-z challenge: what each number is, its kind of interval, the lines surveys draw."""

from __future__ import annotations

from functools import partial

from blindsky.challenges.photoz.measure import Z_MAX, Z_MIN
from blindsky.scoring import calibration, density, regression, tomography
from blindsky.scoring.metric import Metric, Requirement
from blindsky.scoring.sums import mean
from blindsky.scoring.tomography import Estimate

_SCIENCE_BOOK = "LSST Science Book"
_EUCLID = "Euclid"
_SRD = "DESC SRD"
_E = "e = (z_point - z_true)/(1 + z_true)"

CDE_LOSS = Metric(
    key="cde_loss",
    title="CDE loss",
    direction="low",
    prepare=density.prepare_cde_loss,
    needs=("int_p2", "p_true"),
    unit="1/z",
    formula="mean of Int p^2 dz - 2 p(z_true)",
    reference="Izbicki & Lee 2017; Schmidt+2020",
)
EXCESS_NATS = Metric(
    key="excess_nats",
    title="Excess loss over the true posterior",
    direction="low",
    prepare=density.prepare_excess_nats,
    needs=("oracle_log_p", "log_p"),
    unit="nat",
    formula="mean of ln max(p_oracle(z_true), 1e-6) - ln max(p(z_true), 1e-6); 0 is optimal",
    reference="logarithmic score, Good 1952; Kullback & Leibler 1951",
)
MEAN_LOG_P = Metric(
    key="mean_log_p",
    title="Mean log density",
    direction="high",
    prepare=partial(mean, column="log_p"),
    needs=("log_p",),
    unit="nat",
    formula="mean of ln max(p(z_true), 1e-6)",
    reference="logarithmic score, Good 1952",
)
CRPS = Metric(
    key="crps",
    title="CRPS",
    direction="low",
    prepare=partial(mean, column="crps"),
    needs=("crps",),
    unit="z",
    low=0.0,
    formula="mean of Int (CDF(z) - 1[z >= z_true])^2 dz",
    reference="Matheson & Winkler 1976; Gneiting & Raftery 2007",
)
F05 = Metric(
    key="f05",
    title="Probability within 0.05",
    direction="high",
    prepare=partial(mean, column="f05"),
    needs=("f05",),
    low=0.0,
    high=1.0,
    formula="mean of CDF(z_true + d) - CDF(z_true - d), d = 0.05 (1 + z_true)",
    reference="Cavuoti+2017",
)
F15 = Metric(
    key="f15",
    title="Probability within 0.15",
    direction="high",
    prepare=partial(mean, column="f15"),
    needs=("f15",),
    low=0.0,
    high=1.0,
    formula="mean of CDF(z_true + d) - CDF(z_true - d), d = 0.15 (1 + z_true)",
    reference="Cavuoti+2017",
)
PIT_KS = Metric(
    key="pit_ks",
    title="PIT: Kolmogorov-Smirnov",
    direction="low",
    prepare=calibration.prepare_pit_ks,
    needs=("pit",),
    interval="null",
    null=calibration.null_ks,
    low=0.0,
    high=1.0,
    formula="max |F(u) - u|, F the step CDF of PIT = CDF(z_true)",
    reference="Dawid 1984; Schmidt+2020",
)
PIT_CVM = Metric(
    key="pit_cvm",
    title="PIT: Cramér-von Mises",
    direction="low",
    prepare=calibration.prepare_pit_cvm,
    needs=("pit",),
    interval="null",
    null=calibration.null_cvm,
    low=0.0,
    formula="Int_0^1 (F(u) - u)^2 du",
    reference="Schmidt+2020",
)
PIT_AD = Metric(
    key="pit_ad",
    title="PIT: Anderson-Darling",
    direction="low",
    prepare=calibration.prepare_pit_ad,
    needs=("pit",),
    interval="null",
    null=calibration.null_ad,
    low=0.0,
    formula="Int_0.01^0.99 (F(u) - u)^2 / (u (1 - u)) du",
    reference="Anderson & Darling 1952; Schmidt+2020",
)
PIT_OUTLIER = Metric(
    key="pit_outlier",
    title="PIT outliers",
    direction="none",
    prepare=calibration.prepare_pit_outlier,
    needs=("pit",),
    interval="binomial",
    low=0.0,
    high=1.0,
    formula="share of PIT < 1e-4 or > 0.9999; a calibrated entry has 2e-4",
    reference="Schmidt+2020",
    requirements=(Requirement(2e-4, "calibrated"),),
)
NZ_W1 = Metric(
    key="nz_w1",
    title="Stacked N(z): Wasserstein distance",
    direction="low",
    prepare=partial(calibration.prepare_nz_w1, low=Z_MIN, high=Z_MAX),
    needs=("cdf_excess",),
    interval="null",
    null=partial(calibration.null_nz_w1, low=Z_MIN, high=Z_MAX),
    unit="z",
    low=0.0,
    formula="Int |mean CDF - CDF of z_true| dz, trapezoid on the nodes",
    reference="Vallender 1974",
)
MU = Metric(
    key="mu",
    title="Median bias",
    direction="target",
    prepare=regression.prepare_mu,
    needs=("e",),
    interval="signed",
    formula=f"median of {_E}",
    reference="Schmidt+2020; Hoyle+2016 with the opposite sign",
    requirements=(Requirement(0.003, _SCIENCE_BOOK),),
)
MEAN_BIAS = Metric(
    key="mean_bias",
    title="Mean bias",
    direction="target",
    prepare=regression.prepare_mean_bias,
    needs=("e",),
    interval="signed",
    formula=f"mean of {_E}",
    reference="Tanaka+2018",
)
SIGMA_NMAD = Metric(
    key="sigma_nmad",
    title="Scatter (NMAD)",
    direction="low",
    prepare=regression.prepare_sigma_nmad,
    needs=("e",),
    low=0.0,
    formula=f"1.4826 median |e - median e|, {_E}",
    reference="Hoaglin, Mosteller & Tukey 1983; Ilbert+2006",
    requirements=(Requirement(0.02, f"{_SCIENCE_BOOK} (asked of the rms)"), Requirement(0.05, _EUCLID)),
)
SIGMA_IQR = Metric(
    key="sigma_iqr",
    title="Scatter (quartiles)",
    direction="low",
    prepare=regression.prepare_sigma_iqr,
    needs=("e",),
    low=0.0,
    formula="(Q_0.75 - Q_0.25)/1.349 of e",
    reference="Schmidt+2020",
)
SIGMA68 = Metric(
    key="sigma68",
    title="Scatter (central 68 %)",
    direction="low",
    prepare=regression.prepare_sigma68,
    needs=("e",),
    low=0.0,
    formula="(Q_0.84135 - Q_0.15865)/2 of e",
    reference="Hoyle+2016",
)
SIGMA95 = Metric(
    key="sigma95",
    title="Scatter (central 95 %)",
    direction="low",
    prepare=regression.prepare_sigma95,
    needs=("e",),
    low=0.0,
    formula="(Q_0.97725 - Q_0.02275)/2 of e",
    reference="Hoyle+2016",
)
SIGMA = Metric(
    key="sigma",
    title="Scatter (rms)",
    direction="low",
    prepare=regression.prepare_sigma,
    needs=("e",),
    low=0.0,
    formula="sqrt(mean (e - mean e)^2)",
    reference="LSST Science Book 2009",
    requirements=(Requirement(0.02, _SCIENCE_BOOK),),
)
OUT15 = Metric(
    key="out15",
    title="Outliers beyond 0.15",
    direction="low",
    prepare=regression.prepare_out15,
    needs=("e",),
    interval="binomial",
    low=0.0,
    high=1.0,
    formula="share of |e| > 0.15",
    reference="Hildebrandt+2010",
    requirements=(Requirement(0.10, _EUCLID),),
)
OUT3 = Metric(
    key="out3",
    title="Outliers beyond 3 sigma",
    direction="low",
    prepare=regression.prepare_out3,
    needs=("e",),
    low=0.0,
    high=1.0,
    formula="share of |e| > max(0.06, 3 sigma_iqr): relative to the entry's own scatter, so a wide entry has few",
    reference="Schmidt+2020, with |e|",
    requirements=(Requirement(0.10, _SCIENCE_BOOK),),
)
HSC_LOSS = Metric(
    key="hsc_loss",
    title="HSC loss",
    direction="low",
    prepare=regression.prepare_hsc_loss,
    needs=("e",),
    low=0.0,
    high=1.0,
    formula="mean of 1 - 1/(1 + (e/0.15)^2)",
    reference="Tanaka+2018",
)

_MEAN_LINES = (
    Requirement(0.002, f"{_EUCLID}, {_SRD} Y1"),
    Requirement(0.001, f"{_SRD} Y10"),
)
_WIDTH_LINES = (Requirement(0.006, f"{_SRD} Y1"), Requirement(0.003, f"{_SRD} Y10"))
_TOMO_REFERENCE = "DESC SRD 2018; Laureijs+2011"


def _bias_metrics(prefix: str, estimate: Estimate, words: str) -> tuple[Metric, ...]:
    """The five offsets of one estimate, their largest and their rms."""
    needs = ("z_true", "z_point") if estimate == "z_point" else ("z_true", "z_point", estimate)
    bins = tuple(
        Metric(
            key=f"{prefix}_{k}",
            title=f"Mean offset of bin {k}, {words}",
            direction="target",
            prepare=partial(tomography.prepare_tomo_bias, bin_=k, estimate=estimate),
            needs=needs,
            interval="signed",
            formula=f"d_{k} = (<{estimate}> - <z_true>)/(1 + <z_true>) in fifth {k} of z_point",
            reference=_TOMO_REFERENCE,
            requirements=_MEAN_LINES,
        )
        for k in range(1, tomography.BINS + 1)
    )
    keys = tuple(metric.key for metric in bins)
    return (
        *bins,
        Metric(
            key=f"{prefix}_max",
            title=f"Largest mean offset, {words}",
            direction="low",
            prepare=partial(tomography.prepare_tomo_bias_max, estimate=estimate),
            needs=needs,
            interval="null",
            null=tomography.null_max,
            null_from=keys,
            low=0.0,
            formula="max |d_k| over the five bins",
            reference=_TOMO_REFERENCE,
            requirements=_MEAN_LINES,
        ),
        Metric(
            key=f"{prefix}_rms",
            title=f"Mean offsets, rms, {words}",
            direction="low",
            prepare=partial(tomography.prepare_tomo_bias_rms, estimate=estimate),
            needs=needs,
            interval="null",
            null=tomography.null_rms,
            null_from=keys,
            low=0.0,
            formula="sqrt(mean d_k^2) over the five bins",
            reference=_TOMO_REFERENCE,
            requirements=_MEAN_LINES,
        ),
    )


TOMO_BIAS = _bias_metrics("tomo_bias", "z_point", "points")
TOMO_BIAS_PDF = _bias_metrics("tomo_bias_pdf", "pdf_mean", "densities")
TOMO_WIDTH = tuple(
    Metric(
        key=f"tomo_width_{k}",
        title=f"Width error of bin {k}",
        direction="target",
        prepare=partial(tomography.prepare_tomo_width, bin_=k),
        needs=("z_true", "z_point", "pdf_mean", "pdf_m2"),
        interval="signed",
        formula=f"(sd of stacked p - sd of z_true)/(1 + <z_true>) in fifth {k} of z_point",
        reference="DESC SRD 2018",
        requirements=_WIDTH_LINES,
    )
    for k in range(1, tomography.BINS + 1)
)

METRICS = (
    *(CDE_LOSS, EXCESS_NATS, MEAN_LOG_P, CRPS, F05, F15),
    *(PIT_KS, PIT_CVM, PIT_AD, PIT_OUTLIER, NZ_W1),
    *(MU, MEAN_BIAS, SIGMA_NMAD, SIGMA_IQR, SIGMA68, SIGMA95, SIGMA, OUT15, OUT3, HSC_LOSS),
    *(*TOMO_BIAS, *TOMO_BIAS_PDF, *TOMO_WIDTH),
)
