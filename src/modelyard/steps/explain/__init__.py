"""Steps that say why a model answers as it does: which parts of a row, and what inside the model."""

DEFAULT = "shap"
