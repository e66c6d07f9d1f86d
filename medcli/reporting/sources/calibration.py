"""Sources of how far probabilities are from frequencies."""

from __future__ import annotations

from medcli.reporting.sources.method import Method

METHODS = (
    Method(
        "logistic recalibration",
        "Calibration intercept and slope are of a logistic regression of the outcome on the logit of the "
        "probability.",
        "Van Calster B, McLernon DJ, van Smeden M, Wynants L, Steyerberg EW. BMC Medicine 2019;17:230.",
    ),
    Method(
        "Spiegelhalter",
        "Whether a Brier score is what its probabilities promise was tested by Spiegelhalter's z.",
        "Spiegelhalter DJ. Statistics in Medicine 1986;5:421-433.",
    ),
    Method(
        "Wald, perfect calibration",
        "Intercept and slope were compared with 0 and 1 by Wald tests.",
        "Cox DR. Biometrika 1958;45:562-565.",
    ),
    Method(
        "observed/expected",
        "The ratio of observed to expected events has an interval on the logarithmic scale.",
        "Debray TPA et al. BMJ 2017;356:i6460.",
    ),
    Method(
        "scaled Brier",
        "The Brier score is also scaled by that of the prevalence.",
        "Steyerberg EW et al. Epidemiology 2010;21:128-138.",
    ),
    Method(
        "ICI, loess",
        "The integrated calibration index is the mean distance of the probabilities from a loess curve.",
        "Austin PC, Steyerberg EW. Statistics in Medicine 2019;38:4051-4065.",
    ),
    Method(
        "ECE: smooth",
        "The smooth ECE needs no bins: residuals are smoothed at the width that is their mean size.",
        "Błasiok J, Nakkiran P. Smooth ECE: Principled Reliability Diagrams via Kernel Smoothing. ICLR 2024.",
    ),
    Method(
        "CORP",
        "The Brier score is decomposed by isotonic regression (CORP).",
        "Dimitriadis T, Gneiting T, Jordan AI. PNAS 2021;118:e2016191118.",
    ),
    Method(
        "sandwich by patient",
        "Temperatures, slopes and intercepts of the calibration have intervals by the sandwich of their "
        "likelihood, by patient, for the method that was taken.",
        "White H. Maximum likelihood estimation of misspecified models. Econometrica 1982;50:1-25.",
    ),
)
