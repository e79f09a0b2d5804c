"""The strong-lens challenge: find the lensed galaxies among postage stamps."""
