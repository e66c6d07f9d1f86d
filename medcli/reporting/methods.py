"""The paragraph on statistical methods that goes into a paper: only what was used, each with its source."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from medcli.reporting import words


class Method(NamedTuple):
    """A method by the words that its results carry, what to write of it, and where it comes from."""

    words: str
    sentence: str
    source: str


METHODS = (
    Method(
        "DeLong",
        "Areas under the ROC curve were estimated by the Mann-Whitney statistic, with DeLong's variance and "
        "intervals on the logit scale.",
        "DeLong ER, DeLong DM, Clarke-Pearson DL. Biometrics 1988;44:837-845.",
    ),
    Method(
        "Obuchowski 1997",
        "What is pooled of one patient, such as several images or labels, was treated as a cluster.",
        "Obuchowski NA. Biometrics 1997;53:567-578.",
    ),
    Method(
        "Newcombe method 5",
        "With fewer than 30 positive or negative patients, intervals of the AUC are Newcombe's method 5.",
        "Newcombe RG. Statistics in Medicine 2006;25:559-573.",
    ),
    Method(
        "Zou 2007",
        "With few positive or negative patients of a label, the interval of a mean AUC squares and adds "
        "those of the labels.",
        "Zou GY. Psychological Methods 2007;12:399-413.",
    ),
    Method(
        "Hand-Till",
        "AUCs of pairs of classes were averaged.",
        "Hand DJ, Till RJ. Machine Learning 2001;45:171-186.",
    ),
    Method(
        "McClish",
        "Partial areas are standardised so that chance is 0.5.",
        "McClish DK. Medical Decision Making 1989;9:190-195.",
    ),
    Method(
        "average precision",
        "Intervals of the average precision are on the logit scale.",
        "Boyd K, Eng KH, Page CD. ECML PKDD 2013:451-466.",
    ),
    Method(
        "Zou & Donner 2008",
        "Mean recall, and sensitivity at a fixed specificity and the reverse, have intervals that square and "
        "add those of their parts.",
        "Zou GY, Donner A. Construction of confidence limits. Statistics in Medicine 2008;27:1693-1702.",
    ),
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
    Method(
        "Obuchowski-Rockette",
        "Figures of several readers were averaged by Obuchowski and Rockette's analysis of variance for "
        "random readers and cases, with Hillis's degrees of freedom.",
        "Obuchowski NA, Rockette HE. Communications in Statistics 1995;24:285-308; Hillis SL. Statistics in "
        "Medicine 2007;26:596-619.",
    ),
    Method(
        "model less mean reader",
        "The model was compared with the mean reader by the readers' differences from it; verdicts on "
        "several labels were adjusted by Holm's method.",
        "Hillis SL. Statistics in Medicine 2014;33:330-360; Holm S. Scandinavian Journal of Statistics "
        "1979;6:65-70.",
    ),
    Method(
        "at the reader's",
        "Against a reader's calls the model was taken at the score that reaches the reader's specificity (or "
        "sensitivity), which was chosen again in every resample of patients.",
        "Pepe MS. The Statistical Evaluation of Medical Tests. Oxford 2003, chapters 5 and 8.",
    ),
    Method(
        "Newcombe 1998 (pairs)",
        "Shares on the same images were compared as pairs, with Newcombe's interval (where patients have "
        "several images, at their effective numbers and with the correlation of patients).",
        "Newcombe RG. Statistics in Medicine 1998;17:2635-2650.",
    ),
    Method(
        "Fleiss' kappa",
        "Agreement of several readers is Fleiss' kappa, with an interval over patients.",
        "Fleiss JL. Psychological Bulletin 1971;76:378-382; Gwet KL. Psychometrika 2008;73:407-430.",
    ),
    Method(
        "Gwet's AC1",
        "Gwet's AC1 stands beside it, which depends less on prevalence.",
        "Gwet KL. British Journal of Mathematical and Statistical Psychology 2008;61:29-48.",
    ),
    Method(
        "Gwet's AC2",
        "Gwet's AC2 stands beside it, which depends less on prevalence; both weigh grades by their distance.",
        "Gwet KL. Handbook of Inter-Rater Reliability. 4th ed. Advanced Analytics 2014.",
    ),
    Method(
        "Conger's kappa",
        "Conger's kappa lets each reader have a rate of yes of their own.",
        "Conger AJ. Psychological Bulletin 1980;88:322-328.",
    ),
    Method(
        "Brennan-Prediger",
        "Brennan and Prediger's coefficient takes all answers for equally likely by chance; of yes and no it "
        "is the prevalence-adjusted kappa.",
        "Brennan RL, Prediger DJ. Educational and Psychological Measurement 1981;41:687-699.",
    ),
    Method(
        "Krippendorff's alpha",
        "Krippendorff's alpha takes images with missing readings in.",
        "Krippendorff K. Content Analysis. 4th ed. Sage 2018, chapter 12.",
    ),
    Method(
        "Cohen's kappa",
        "Agreement of two readers is Cohen's kappa, weighted by distance for grades, with the "
        "asymptotic interval summed by patient.",
        "Cohen J. Psychological Bulletin 1968;70:213-220; Fleiss JL, Cohen J, Everitt BS. Psychological "
        "Bulletin 1969;72:323-327.",
    ),
    Method(
        "ICC(2,1)",
        "Agreement on numbers is the intraclass correlation for random readers, absolute agreement, of a "
        "single reading.",
        "Shrout PE, Fleiss JL. Psychological Bulletin 1979;86:420-428; McGraw KO, Wong SP. Psychological "
        "Methods 1996;1:30-46.",
    ),
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
)
"""In the order in which a paper tells them. A test holds that every result's method is found here."""

CALIBRATORS = {
    "temperature": ("temperature scaling", "Guo C et al. ICML 2017:1321-1330."),
    "bias-temperature": (
        "a temperature with a bias for each class",
        "Alexandari A, Kundaje A, Shrikumar A. ICML 2020:222-232.",
    ),
    "platt": ("Platt scaling", "Platt J. Advances in Large Margin Classifiers 1999:61-74."),
    "beta": ("beta calibration", "Kull M, Silva Filho T, Flach P. AISTATS 2017:623-631."),
    "isotonic": ("isotonic regression", "Zadrozny B, Elkan C. KDD 2002:694-699."),
    "vector": ("vector scaling", "Guo C et al. ICML 2017:1321-1330."),
}
_MAPS = {
    "gradcam": ("Grad-CAM", "Selvaraju RR et al. ICCV 2017:618-626."),
    "hirescam": ("HiResCAM", "Draelos RL, Carin L. arXiv:2011.08891, 2020."),
    "rollout": ("attention rollout", "Abnar S, Zuidema W. ACL 2020:4190-4197."),
}
_LOCALISED = (
    "Zhang J et al. International Journal of Computer Vision 2018;126:1084-1102; Wang H et al. CVPR "
    "Workshops 2020; Arras L, Osman A, Samek W. Information Fusion 2022;81:14-40."
)
_SAERENS = "Saerens M, Latinne P, Decaestecker C. Neural Computation 2002;14:21-41."
_LEE = (
    "Lee Y, Barber RF, Willett R. Distribution-free inference with hierarchical data. arXiv:2306.06342, 2023."
)


def methods_markdown(paragraph: str, sources: Sequence[str]) -> str:
    """What was done, as a paragraph to paste and a numbered list of its sources."""
    numbered = [f"{number}. {source}" for number, source in enumerate(sources, 1)]
    return "\n".join(["# Statistical methods", "", paragraph, "", *numbered, ""])


def methods_used(evaluation: dict[str, Any]) -> tuple[str, list[str]]:
    """The paragraph, with the numbers of its sources in brackets, and the sources."""
    return methods_paragraph(evaluation, [_opening(evaluation), _thresholds(evaluation)])


def methods_paragraph(evaluation: dict[str, Any], sentences: list[str]) -> tuple[str, list[str]]:
    """The opening sentences, then one for each method that results carry; and the sources."""
    sources: list[str] = []
    sentences = list(sentences)
    for pieces in (_calibrated(evaluation), *_calibration(evaluation), *_heatmaps(evaluation)):
        sentence = ""
        for words_of, source in pieces:
            sources.append(source)
            sentence += f"{words_of} [{len(sources)}]"
        sentences.append(f"{sentence}." if sentence else "")
    for method in used_methods(evaluation):
        if method.sentence:
            sources.append(method.source)
            sentences.append(f"{method.sentence.removesuffix('.')} [{len(sources)}].")
    return " ".join(filter(None, sentences)), sources


def used_methods(evaluation: dict[str, Any]) -> list[Method]:
    """The methods whose results are in an evaluation, each once."""
    said = set(method_words(evaluation))
    return [method for method in METHODS if any(method.words in text for text in said)]


def method_words(value: Any) -> Iterator[str]:
    """How each number of an evaluation says that it was made."""
    if isinstance(value, dict):
        if value.get("estimate") is not None and isinstance(value.get("method"), str):
            yield value["method"]
        if value.get("p") is not None and isinstance(value.get("test"), str):
            yield value["test"]
        for item in value.values():
            yield from method_words(item)
    elif isinstance(value, list):
        for item in value:
            yield from method_words(item)


def _opening(evaluation: dict[str, Any]) -> str:
    level = f"{100 * evaluation['level']:g} %"
    unit = evaluation["unit"]
    text = f"The model was evaluated on {words.sample(evaluation)}; intervals are {level}."
    if unit != "image" and evaluation["n_clusters"] < evaluation["n"]:
        text += f" The {unit}, not the image, is the unit of every interval."
    return text


def _thresholds(evaluation: dict[str, Any]) -> str:
    if evaluation["thresholds"]["source"] == "default":
        return "The threshold was fixed at its default before the data were seen."
    rule = words.rule_words(evaluation["thresholds"]["rule"])
    return f"Thresholds were chosen on the validation part for the {rule} and applied unchanged."


Pieces = list[tuple[str, str]]
"""A sentence: words, each followed by the mark of its source."""


def _calibrated(evaluation: dict[str, Any]) -> Pieces:
    """By what scores became probabilities, of any class."""
    named = [CALIBRATORS[name] for name in _calibrators(evaluation)]
    first = "Scores were calibrated on the validation part by "
    return [
        ((first if place == 0 else ", by ") + label, source) for place, (label, source) in enumerate(named)
    ]


def _calibration(evaluation: dict[str, Any]) -> Iterator[Pieces]:
    """How probabilities were moved and sets made on validation."""
    shift = (evaluation.get("calibration") or {}).get("prevalence_shift")
    if shift:
        moved = [
            f"{words.printable(entry['class'])} {entry['after']['estimate']:.3g}"
            for entry in shift["classes"]
            if entry["shift"]
        ]
        how = shift["method"].partition(" (")[0]
        yield [(f"Probabilities were then moved to another prevalence ({', '.join(moved)}), {how}", _SAERENS)]
    if sets := evaluation.get("prediction_sets"):
        asked = f"{100 * sets['coverage']:g} %"
        how = (
            f"Prediction sets for a coverage of {asked} were made class by class, each patient counting once"
        )
        yield [(how, _LEE)]


def _heatmaps(evaluation: dict[str, Any]) -> Iterator[Pieces]:
    """How maps were made and what they were held against."""
    made = evaluation.get("heatmaps")
    if not made:
        return
    label, source = _MAPS[made["method"]]
    yield [(f"Heatmaps of {words.count(made['n'], 'image')} were made by {label}", source)]
    if made["classes"]:
        how = (
            "They were held against outlines of the findings by their highest point (pointing game), the "
            "share of the map inside, and overlap, beside what a map that knows nothing gets"
        )
        yield [(how, _LOCALISED)]
    if made["faithfulness"]:
        how = (
            "Pixels were deleted and inserted in the order of the maps, and in that of the same maps turned "
            "by 180 degrees"
        )
        yield [(how, "Petsiuk V, Das A, Saenko K. BMVC 2018:151.")]


def _calibrators(evaluation: dict[str, Any]) -> list[str]:
    calibration = evaluation.get("calibration") or {}
    named = [calibration.get("method")]
    named += [entry.get("method") for entry in calibration.get("parameters") or [] if isinstance(entry, dict)]
    return [name for name in CALIBRATORS if name in named]
