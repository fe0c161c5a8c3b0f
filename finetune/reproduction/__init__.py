"""The paper's experiment on DISFA and BP4D: three folds of subjects, trivial baselines, words, ablations, tables."""
