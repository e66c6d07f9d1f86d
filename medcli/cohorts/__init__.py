"""Who has which label: layouts, labels and policies, splits, de-identification."""
