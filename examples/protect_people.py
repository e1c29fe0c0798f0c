"""Question 14: mask names except admin's, noise on ages, AES on passwords; then groups of five and a private mean.

python examples/protect_people.py [FOLDER]
"""

import csv
import os
import random
import sys
from pathlib import Path

import modelyard
from modelyard.core.secret_keys import new_secret_key
from modelyard.render.figures import draw_png

folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
source = random.Random(0)
with (folder / "people.csv").open("w", newline="") as file:
    writer = csv.writer(file)
    writer.writerow(["name", "age", "password", "note", "left"])
    writer.writerow(["admin", 52, "correct horse", "mail root@example.com", "no"])
    for number in range(400):
        name, age = source.choice(["Alice", "Bob", "王小明", "Zoë"]), source.randint(18, 90)
        note = source.choice(["", f"ring 138{number:08d}", f"mail {name[0]}{number}@example.com"])
        writer.writerow([name, age, f"secret{number}", note or "none", "yes" if age > 60 else "no"])

os.environ.setdefault("MODELYARD_KEYS", str(folder / "keys"))
key = new_secret_key().id
people = modelyard.load.data(
    modelyard.fetch("./people.csv", base=folder),
    columns={"features": ["name", "age", "note"], "password": "password", "label": "left"},
    split={"train": 0.8, "validation": 0.0, "test": 0.2, "by": "label"},
)

masked = modelyard.mask(
    people,
    columns={"name": "surrogate", "age": {"strategy": "noise", "scale": 2}},
    roles=["features"],
    allow=["admin"],
    key=key,
)
hidden = modelyard.encrypt(masked, columns=["password"], key=key)
shown = modelyard.decrypt(hidden, columns=["password"], key=key)
for data in (people, hidden):
    for row in [row for split in data.splits for row in data.rows(split) if row["row"] < 3]:
        print(*row["features"].values(), f"{row['password'][:32]}…", sep="  |  ")
print("decrypted:", shown.column("train", "password")[:2])

alike = modelyard.anonymise.generalise(people, columns=["name", "age"], k=5)
for name, data in (("raw", people), ("generalised", alike)):
    report = modelyard.anonymise.check(data, columns=["name", "age"])
    print(f"{name}: k = {report.findings.measures['k_anonymity'].value:.0f}")
    (folder / f"alike-{name}.png").write_bytes(draw_png(report.findings.figures[0]))

mean = modelyard.aggregate.mean(
    people, column="age", low=0, high=100, epsilon=0.5, budget=folder / "budget.json", total=1.0
)
found = mean.findings.measures
age, left = found["private_mean"], found["epsilon_left"]
print(f"mean age {age.value:.1f} ({age.low:.1f} to {age.high:.1f}), epsilon left {left.value:g}")
