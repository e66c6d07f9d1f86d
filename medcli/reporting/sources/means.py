"""Sources of resampling, of means over images, and of what is told of bins and decisions."""

from __future__ import annotations

from medcli.reporting.sources.method import Method

METHODS = (
    Method(
        "percentile",
        "Other intervals are percentiles of resamples of patients (bootstrap).",
        "Efron B, Tibshirani RJ. An Introduction to the Bootstrap. Chapman & Hall 1993, chapter 13.",
    ),
    Method(
        "BCa",
        "Other intervals are bias-corrected, accelerated percentiles of resamples of patients (bootstrap).",
        "Efron B. JASA 1987;82:171-185.",
    ),
    Method(
        "Student's t",
        "Means over images have intervals by Student's t with standard errors by patient, on the logarithmic "
        "scale for what cannot be negative, such as the Brier score and the log loss.",
        "Brier GW. Monthly Weather Review 1950;78:1-3; Liang KY, Zeger SL. Biometrika 1986;73:13-22.",
    ),
    Method(
        "bins",
        "The expected calibration error averages the gap between predicted and observed frequency over bins; "
        "it is shown beside what a perfectly calibrated model of this size would show.",
        "Guo C, Pleiss G, Sun Y, Weinberger KQ. ICML 2017:1321-1330.",
    ),
    Method(
        "net benefit",
        "Net benefit takes needless calls from right ones, weighed by the odds of the threshold; the range "
        "of a decision curve was declared with the command. Intervals are those of means and of their ratio "
        "to the prevalence, with standard errors by patient.",
        "Vickers AJ, Elkin EB. Medical Decision Making 2006;26:565-574; Marsh TL, Janes H, Pepe MS. "
        "Biometrics 2020;76:843-852.",
    ),
)
