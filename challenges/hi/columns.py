"""The columns of a catalogue of sources: the nine of SDC2, and what the truth knows besides."""

SDC2 = ("id", "ra", "dec", "hi_size", "line_flux_integral", "central_freq", "pa", "i", "w20")
PROPERTIES = SDC2[1:]
EXTRAS = (
    "z", "log_mhi", "v_flat", "sigma_v", "mu", "lop", "lop_phase", "warp", "x", "y", "chan", "snr", "f_in",
)  # fmt: skip
