"""Sources of shares at a threshold, and of what is made of them."""

from __future__ import annotations

from medcli.reporting.sources.method import Method

METHODS = (
    Method(
        "Wilson",
        "Intervals of proportions are Wilson's score intervals.",
        "Wilson EB. JASA 1927;22:209-212; Newcombe RG. Statistics in Medicine 1998;17:857-872.",
    ),
    Method(
        "effective n",
        "For several images a patient, proportions use the effective number of images.",
        "Rao JNK, Scott AJ. Biometrics 1992;48:577-585.",
    ),
    Method(
        "Newcombe's hybrid",
        "Differences of independent shares have Newcombe's hybrid score intervals.",
        "Newcombe RG. Statistics in Medicine 1998;17:873-890; Zou GY, Donner A. 2008;27:1693-1702.",
    ),
    Method(
        "cross-fitted log loss",
        "Calibrators were compared by their log loss on patients that their fit had not seen (five folds); "
        "the simplest within one standard error of the best was taken.",
        "Hastie T, Tibshirani R, Friedman J. The Elements of Statistical Learning. Springer 2009, chapter 7.",
    ),
    Method(
        "Clopper-Pearson",
        "Intervals of proportions are exact.",
        "Clopper CJ, Pearson ES. Biometrika 1934;26:404-413.",
    ),
    Method(
        "Newcombe method 10",
        "Youden's index has a hybrid score interval.",
        "Newcombe RG. Statistics in Medicine 1998;17:873-890.",
    ),
    Method(
        "largest Youden index",
        "The largest Youden index over all thresholds is told without interval.",
        "Youden WJ. Cancer 1950;3:32-35.",
    ),
    Method(
        "likelihood ratio",
        "Likelihood ratios and odds ratios have intervals on the logarithmic scale.",
        "Simel DL, Samsa GP, Matchar DB. Journal of Clinical Epidemiology 1991;44:763-770.",
    ),
    Method(
        "odds ratio",
        "",
        "",
    ),
    Method(
        "Donner & Zou 2012",
        "With few cases, intervals of likelihood ratios come from Wilson's intervals of both rates.",
        "Donner A, Zou GY. Statistical Methods in Medical Research 2012;21:347-359.",
    ),
    Method(
        "Mercaldo 2007",
        "Predictive values at a stated prevalence have intervals on the logit scale.",
        "Mercaldo ND, Lau KF, Zhou XH. Statistics in Medicine 2007;26:2170-2183.",
    ),
    Method(
        "Matthews correlation",
        "Correlation of truth and call is Matthews'.",
        "Gorodkin J. Computational Biology and Chemistry 2004;28:367-374.",
    ),
    Method(
        "kappa of truth",
        "Agreement of truth and call beyond chance is Cohen's kappa.",
        "Cohen J. Psychological Bulletin 1968;70:213-220.",
    ),
)
