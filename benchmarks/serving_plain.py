"""The plain handler that ``benchmarks/serving.py`` compares with: FastAPI around a tokenizer and an ONNX session.

    MODEL=folder THREADS=2 uvicorn benchmarks.serving_plain:app

Imports nothing of modelyard, as a handler written by hand would not.
"""

import os
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel

from benchmarks.serving_raw import Classifier

app = FastAPI()
model = Classifier(Path(os.environ["MODEL"]), int(os.environ["THREADS"]), tuned="TUNED" in os.environ)


class Question(BaseModel):
    text: str


@app.post("/predict")
def predict(question: Question) -> dict[str, Any]:
    answer: dict[str, Any] = model.predict([question.text])[0]
    return answer
