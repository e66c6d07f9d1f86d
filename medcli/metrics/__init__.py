"""Targets and scores in, numbers with intervals out."""
