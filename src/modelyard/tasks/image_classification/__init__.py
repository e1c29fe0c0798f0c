"""Image classification: one image in, one of the named classes out, with a probability for each.

Any Hugging Face network that ``AutoModelForImageClassification`` takes, and EfficientNet-Lite. Knows no runtime;
torch and transformers are loaded only to adopt and to train, so that a server of another runtime stays light.
"""

from modelyard.tasks.image_classification.task import ImageClassification

TASK = ImageClassification()
