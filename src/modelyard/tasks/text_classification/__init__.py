"""Text classification: one text in, one of the named classes out, with a probability for each.

Any Hugging Face encoder that ``AutoModelForSequenceClassification`` takes. Knows no runtime; torch and
transformers are loaded only to adopt and to train, so that a server of another runtime stays light.
"""

from modelyard.tasks.text_classification.task import TextClassification

TASK = TextClassification()
