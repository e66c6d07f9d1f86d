"""Sources of differences between models, sources and groups of patients, and of shift."""

from __future__ import annotations

from medcli.reporting.sources.method import Method

METHODS = (
    Method(
        "bootstrap over patients, no difference",
        "Their p-values turn those intervals around.",
        "Davison AC, Hinkley DV. Bootstrap Methods and their Application. Cambridge 1997, section 5.3.",
    ),
    Method(
        "no difference between",
        "Differences added from two intervals were tested by the level at which theirs ends at zero.",
        "Zou GY, Donner A. Statistics in Medicine 2008;27:1693-1702.",
    ),
    Method(
        "DeLong, difference",
        "AUCs were compared by DeLong's test, with the covariance of the patients that both share.",
        "DeLong ER, DeLong DM, Clarke-Pearson DL. Biometrics 1988;44:837-845 (correlated curves).",
    ),
    Method(
        "DeLong, global",
        "That all AUCs are equal was tested by a chi-square of their contrasts.",
        "DeLong ER, DeLong DM, Clarke-Pearson DL. Biometrics 1988;44:837-845 (contrasts).",
    ),
    Method(
        "square and add",
        "Intervals of other differences add the squared distances to the limits of both.",
        "Zou GY. Psychological Methods 2007;12:399-413.",
    ),
    Method(
        "McNemar mid-p",
        "Their test is McNemar's with the mid-p value.",
        "Fagerland MW, Lydersen S, Laake P. BMC Medical Research Methodology 2013;13:91.",
    ),
    Method(
        "McNemar, clustered",
        "Their test is McNemar's with the variance by patient.",
        "Obuchowski NA. Statistics in Medicine 1998;17:1495-1507.",
    ),
    Method(
        "Kolmogorov-Smirnov",
        "Distributions of scores and other numbers were compared by the largest distance between them, "
        "images of one patient being counted by their design effect.",
        "Smirnov N. Annals of Mathematical Statistics 1948;19:279-281; Rao JNK, Scott AJ. Annals of "
        "Statistics 1984;12:46-60.",
    ),
    Method(
        "t-test of a change, by patient",
        "Changes of the same images were tested by Student's t with errors by patient.",
        "Student. Biometrika 1908;6:1-25; Liang KY, Zeger SL. Biometrika 1986;73:13-22.",
    ),
    Method(
        "chi-square of homogeneity",
        "Frequencies of categories were compared by Pearson's chi-square, each patient counting once.",
        "Pearson K. Philosophical Magazine 1900;50:157-175.",
    ),
    Method(
        "permutation of patients over groups",
        "Groups of patients were judged at one threshold; their largest gaps of AUC, sensitivity, "
        "specificity and equalised odds were compared with those of patients dealt into groups at random "
        "within strata of truth; p-values were adjusted by Holm's method over all fields, groups and "
        "classes.",
        "Phipson B, Smyth GK. Statistical Applications in Genetics and Molecular Biology 2010;9:39; Hardt M, "
        "Price E, Srebro N. NeurIPS 2016:3315-3323; Holm S. Scandinavian Journal of Statistics 1979;6:65-70.",
    ),
    Method(
        "gaps between groups, square and add, Bonferroni",
        "The largest gap between groups has the interval that simultaneous intervals of all gaps allow.",
        "Hsu JC. Multiple Comparisons: Theory and Methods. Chapman & Hall 1996, section 1.3.",
    ),
    Method(
        "from calls alone",
        "Prevalences were estimated from the calls alone (black box shift estimation), with intervals from "
        "resampled patients.",
        "Lipton ZC, Wang YX, Smola A. ICML 2018:3122-3130.",
    ),
    Method(
        "population stability index",
        "They were also compared by the population stability index, told beside its value by chance.",
        "Yurdakul B, Naranjo J. Journal of Risk Model Validation 2020;14:89-100.",
    ),
    Method(
        "prevalence without labels",
        "The interval of a prevalence that was estimated without labels holds the errors of both sets.",
        "Newey WK, McFadden D. Handbook of Econometrics 1994;4:2111-2245, section 6.",
    ),
    Method(
        "Cochran's Q",
        "Whether estimates differ between groups was tested by Cochran's Q.",
        "Cochran WG. Biometrics 1954;10:101-129; Higgins JPT, Thompson SG. Statistics in Medicine "
        "2002;21:1539-1558.",
    ),
    Method(
        "Q-profile",
        "The share of the spread between groups that is no chance, I squared, has an interval by the "
        "Q-profile.",
        "Viechtbauer W. Statistics in Medicine 2007;26:37-52.",
    ),
)
