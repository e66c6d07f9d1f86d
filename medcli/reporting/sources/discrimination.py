"""Sources of areas under curves and of what is read off them."""

from __future__ import annotations

from medcli.reporting.sources.method import Method

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
)
