"""Every parameter of every model against its distribution as the specification writes it.

U(a,b) uniform, L(a,b) log-uniform, N(m,s)[lo,hi] truncated normal, G(m,s)[lo,hi] 10^N(log10 m, s) truncated.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from scipy import stats

from blindsky.challenges.transients import kilonova
from blindsky.challenges.transients.sources import TRANSIENTS, submodels

TWO = "Tp U(11000,18000); Tf U(5000,6000); t_cool U(12,25)"
STRIPPED = (
    "beta U(.015,.028); gam U(16,30); tr U(3,6); tf U(18,40); Tp U(7500,10500); Tf U(4500,5500); t_cool U(8,16); "
    "tail U(.10,.25)"
)
PRIORS = {
    "II/IIP": "M N(-16.75,1.05)[-18.9,-13.5]; beta U(0,.006); gam N(90,15)[55,130]; tr U(1.5,4); tf U(6,14); "
    f"{TWO}; tail U(.04,.15)",
    "II/IIL": "M N(-17.6,.64)[-19.2,-15.5]; beta U(.007,.011); gam N(70,12)[45,100]; tr U(2,5); tf U(10,25); "
    f"{TWO}; tail U(.04,.12)",
    "IIn/IIn": "M N(-16.0,1.1)[-19.5,-14]; beta U(.001,.006); gam L(25,100); tr L(3,14); tf L(30,150); "
    "Tp U(11000,16000); Tf U(6000,8000); t_cool U(25,60)",
    "Ibc/IIb": f"M N(-16.65,.9)[-19.5,-14]; {STRIPPED}",
    "Ibc/Ib": f"M N(-17.01,.6)[-19.5,-14]; {STRIPPED}",
    "Ibc/Ic": f"M N(-16.9,1.0)[-19.5,-14]; {STRIPPED}",
    "Iax/Iax": "M N(-17.4,1.0)[-18.9,-13.5]; beta U(.02,.035); gam U(12,22); tr U(2,4); tf U(14,30); "
    "Tp U(9000,13000); Tf U(4600,5600); t_cool U(6,10)",
    "Ca-rich/Ca-rich": "M N(-17.0,.8)[-18.5,-14.5]; beta U(.03,.045); gam U(8,14); tr U(1.8,3); tf U(9,18); "
    "Tp U(7000,9500); Tf U(4200,5000); t_cool U(5,9)",
    "ILOT/ILOT": "M N(-13.9,1.0)[-16.2,-11]; beta U(.002,.008); gam U(20,80); tr U(1.5,5); tf U(15,60); "
    "Tp U(6000,9000); Tf U(3500,4500); t_cool U(15,40)",
    "PISN/PISN": "M N(-21.0,1.0)[-22.8,-18]; beta U(.002,.005); gam U(60,120); tr U(18,35); tf U(60,150); "
    "Tp U(8000,12000); Tf U(4500,5500); t_cool U(60,120)",
    "SLSN-I/SLSN-I": "P G(2.4,.16)[1,8]; B G(.8,.3)[.1,5]; mass G(4.8,.25)[1.5,25]; v N(14700,3500)[7000,22000]; "
    "kappa U(.1,.2); floor N(6000,1000)[4000,9000]",
    "TDE/TDE": "M N(-18.4,.9)[-22,-16]; rise L(8,25); fall L(20,90); T L(16000,35000)",
    "KN/KN": "M_blue N(-13.4,1.2)[-16.8,-10]; tp_blue U(.5,1.2); T_blue U(5500,9000); M_red N(-13.2,1.2)[-16.3,-10]; "
    "tp_red U(2,6); T_red U(2400,3800)",
}


def distribution(text: str) -> tuple[Any, bool]:
    """Scipy's distribution of such a text, and whether it is of the decimal logarithm."""
    kind, *numbers = text[0], *map(float, re.findall(r"-?[\d.]+", text))
    if kind == "U":
        return stats.uniform(numbers[0], numbers[1] - numbers[0]), False
    if kind == "L":
        return stats.loguniform(*numbers), False
    if kind == "G":
        numbers = [np.log10(numbers[0]), numbers[1], *np.log10(numbers[2:])]
    mean, sd, low, high = numbers
    return stats.truncnorm((low - mean) / sd, (high - mean) / sd, mean, sd), kind == "G"


@pytest.mark.parametrize("model", PRIORS)
def test_priors(model: str) -> None:
    """Kolmogorov-Smirnov on some thousand draws at a fixed seed: sees 5 % of a standard deviation."""
    name, submodel = model.split("/")
    table = TRANSIENTS[name].draw(np.random.default_rng(11), 12_000)
    chosen = submodels(TRANSIENTS[name], table) == submodel
    assert chosen.sum() > 1000
    listed = set()
    for entry in PRIORS[model].split("; "):
        column, text = entry.split(" ")
        expected, logarithmic = distribution(text)
        x = np.log10(table[column][chosen]) if logarithmic else table[column][chosen]
        assert stats.kstest(x, expected.cdf).pvalue > 1e-4, (column, text)
        listed.add(column)
    rest = set(table) - listed - {"z", "lensing", "t0", "a_v", "variant"}
    assert all((table[column] == 0).all() for column in rest)


def test_constants_of_kilonovae() -> None:
    blue, red = kilonova.BLUE, kilonova.RED
    assert (blue.slow, blue.edge, blue.slope) == (1.6, 3000, 2)
    assert (red.slow, red.edge, red.slope) == (1.3, 4500, 2)
