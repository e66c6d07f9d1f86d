"""Sources of comparisons with readers and of agreement between them."""

from __future__ import annotations

from medcli.reporting.sources.method import Method

METHODS = (
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
)
