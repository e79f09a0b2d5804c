"""First answers to the strong-lens challenge, one file per method; nothing heavy is imported."""

from __future__ import annotations

from blindsky.baselines.baseline import Baseline

_HERE = "blindsky.baselines.lens"
_SCORE = ("score",)

BASELINES = (
    Baseline(
        name="random",
        title="Random",
        description="A score drawn evenly from 0 to 1 for every stamp: what luck is worth.",
        train=f"{_HERE}.random:train",
        fields=_SCORE,
        reference="Metcalf et al. 2019, A&A 625, A119",
        seeded=True,
    ),
    Baseline(
        name="constant",
        title="Constant",
        description="The score 0.5 for every stamp: an AUROC of 0.5, and no lens at few false positives.",
        train=f"{_HERE}.constant:train",
        fields=_SCORE,
        reference="Metcalf et al. 2019, A&A 625, A119",
    ),
    Baseline(
        name="flux",
        title="Total flux",
        description=(
            "The total flux of the stamp: an adversary that must stay near chance, or the sky gives its lenses away."
        ),
        train=f"{_HERE}.flux:train",
        fields=_SCORE,
        reference="blindsky",
    ),
    Baseline(
        name="arc",
        title="Arc finder",
        description=(
            "The longest and thinnest region along a circle about the centre, after a mexican hat; learns no label."
        ),
        train=f"{_HERE}.arc:train",
        fields=_SCORE,
        reference="Metcalf et al. 2019, A&A 625, A119 (arc finders); More et al. 2012, ApJ 749, 38",
    ),
    Baseline(
        name="hog_lr",
        title="Oriented gradients",
        description=(
            "Logistic regression on histograms of oriented gradients of bands and their differences, "
            "the mean over the eight views of a stamp."
        ),
        train=f"{_HERE}.hog:train",
        fields=_SCORE,
        reference="Avestruz et al. 2019, ApJ 877, 58; Dalal & Triggs 2005",
    ),
    Baseline(
        name="gabor_svm",
        title="Gabor filters and SVM",
        description=(
            "A support vector machine on the answers of bands and their differences, in polar coordinates, "
            "to Gabor filters of three wavelengths and four orientations."
        ),
        train=f"{_HERE}.gabor:train",
        fields=_SCORE,
        reference="Hartley et al. 2017, MNRAS 471, 3378",
    ),
    Baseline(
        name="cnn_tiny",
        title="Small convolutional network",
        description="Seven convolutions and 0.29 million parameters: seconds a thousand stamps without a GPU.",
        train=f"{_HERE}.cnn_tiny:train",
        fields=_SCORE,
        reference="blindsky",
        extra="torch",
        seeded=True,
        heavy=True,
    ),
    Baseline(
        name="cnn_epfl",
        title="Convolutional network of LASTRO EPFL",
        description="The best network of the first challenge's space branch, mean over the eight views of a stamp.",
        train=f"{_HERE}.cnn_epfl:train",
        fields=_SCORE,
        reference="Schaefer et al. 2018, A&A 611, A2",
        extra="torch",
        seeded=True,
        heavy=True,
    ),
    Baseline(
        name="resnet",
        title="CMU DeepLens",
        description="A residual network of 46 layers, the best of the first challenge's ground branch.",
        train=f"{_HERE}.resnet:train",
        fields=_SCORE,
        reference="Lanusse et al. 2018, MNRAS 473, 3895",
        extra="torch",
        seeded=True,
        heavy=True,
    ),
)
