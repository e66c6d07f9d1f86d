"""Phantom images with findings at known places: pure functions of a seed, arrays out."""
