"""Fine-tuning: a pretrained model learns from labelled rows."""

DEFAULT = "full"
