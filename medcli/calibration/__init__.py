"""Scores in, probabilities and operating points out."""
