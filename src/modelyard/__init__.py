"""modelyard: one recipe from a pretrained model and your data to a proven release."""

__version__ = "0.1.0"
