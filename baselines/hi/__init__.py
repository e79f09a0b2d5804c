"""First answers to the HI challenge, one file per method; nothing heavy is imported."""

from __future__ import annotations

from blindsky.baselines.baseline import Baseline
from blindsky.challenges.hi.columns import PROPERTIES

_HERE = "blindsky.baselines.hi"
_SURE = (*PROPERTIES, "conf")

BASELINES = (
    Baseline(
        name="random",
        title="Random",
        description="As many galaxies as the training field has for its volume, with their properties, anywhere.",
        train=f"{_HERE}.random_catalogue:train",
        fields=PROPERTIES,
        reference="blindsky",
        seeded=True,
    ),
    Baseline(
        name="train_truth",
        title="Training catalogue, copied",
        description="The sources of the training field, claimed for the test field as they are.",
        train=f"{_HERE}.training_sources:train",
        fields=PROPERTIES,
        reference="blindsky",
    ),
    Baseline(
        name="grid",
        title="Grid",
        description="12 x 12 x 13 places at even distances, each with the median properties of the training field.",
        train=f"{_HERE}.grid:train",
        fields=PROPERTIES,
        reference="blindsky",
    ),
    Baseline(
        name="matched_filter",
        title="Smooth and clip",
        description=(
            "What stands out of the noise at any of 15 scales, linked and measured; the training field tells biases, "
            "and the height from which on to claim."
        ),
        train=f"{_HERE}.matched_filter:train",
        fields=_SURE,
        reference="Serra et al. 2012, PASA 29, 296",
        extra="torch",
        training=True,
    ),
    Baseline(
        name="sofia",
        title="SoFiA 2",
        description=(
            "The program, with the settings of team SoFiA in SDC2, where it is installed; the training field tells the "
            "reliability from which on to claim."
        ),
        train=f"{_HERE}.sofia:train",
        fields=PROPERTIES,
        reference="Westmeier et al. 2021, MNRAS 506, 3962; Hartley et al. 2023, MNRAS 523, 1967",
        heavy=True,
        training=True,
    ),
    Baseline(
        name="unet3d",
        title="U-Net, 3-D",
        description="Says which voxels are a galaxy's light; what touches is a source, measured as by smooth and clip.",
        train=f"{_HERE}.unet3d:train",
        fields=_SURE,
        reference="Ronneberger et al. 2015; FORSKA-Sweden in Hartley et al. 2023, MNRAS 523, 1967",
        extra="torch",
        seeded=True,
        heavy=True,
        training=True,
    ),
)
