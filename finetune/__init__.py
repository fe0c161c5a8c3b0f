"""From labelled faces to a better model: synthetic faces, datasets, training and evaluation."""
