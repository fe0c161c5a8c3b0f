"""VL-FAU: facial action units from a photo, each with a probability, an intensity, evidence and a sentence."""

__version__ = "0.1.0"
