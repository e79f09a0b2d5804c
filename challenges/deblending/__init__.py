"""The deblending challenge: fluxes, positions and pixels of galaxies that overlap."""
