"""Sources of how probabilities, prediction sets and heatmaps are made."""

from __future__ import annotations

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
MAPS = {
    "gradcam": ("Grad-CAM", "Selvaraju RR et al. ICCV 2017:618-626."),
    "hirescam": ("HiResCAM", "Draelos RL, Carin L. arXiv:2011.08891, 2020."),
    "rollout": ("attention rollout", "Abnar S, Zuidema W. ACL 2020:4190-4197."),
}
LOCALISED = (
    "Zhang J et al. International Journal of Computer Vision 2018;126:1084-1102; Wang H et al. CVPR "
    "Workshops 2020; Arras L, Osman A, Samek W. Information Fusion 2022;81:14-40."
)
SAERENS = "Saerens M, Latinne P, Decaestecker C. Neural Computation 2002;14:21-41."
LEE = (
    "Lee Y, Barber RF, Willett R. Distribution-free inference with hierarchical data. arXiv:2306.06342, 2023."
)
FAITHFUL = "Petsiuk V, Das A, Saenko K. BMVC 2018:151."
