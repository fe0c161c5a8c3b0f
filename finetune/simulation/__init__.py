"""A shifted domain with known truth: photos of unseen synthetic persons, a camera, annotators with errors, a report."""
