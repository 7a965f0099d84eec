"""The floor of a submission: a Flask route that inserts the same rows, without rules, forms, hashes or pages."""

from __future__ import annotations

import itertools
import os
from datetime import UTC, datetime

from flask import Flask
from sqlalchemy import create_engine, make_url, text

app = Flask(__name__)
url = make_url(os.environ["GRS_DATABASE_URL"])
if url.get_backend_name() == "postgresql":
    url = url.set(drivername="postgresql+psycopg")
engine = create_engine(url)
numbers = itertools.count(os.getpid() * 100_000)

MODEL = "SELECT * FROM complaint WHERE id = 1"
COPIES = {
    "assignment": "complaint_id = 1 AND sequence = 1", "step": "complaint_id = 1 AND sequence = 1",
    "complainant": "complaint_id = 1", "complaint_text": "complaint_id = 1",
    "reported_case": "complaint_id = 1 AND sequence = 1",
}  # fmt: skip
with engine.connect() as begun:
    models = {"complaint": dict(begun.execute(text(MODEL)).one()._mapping)}
    for table, where in COPIES.items():
        models[table] = dict(begun.execute(text(f"SELECT * FROM {table} WHERE {where}")).one()._mapping)
del models["complaint"]["id"]
inserts = {
    table: text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(':' + name for name in row)})")
    for table, row in models.items()
}
message = text(
    "INSERT INTO message (key, complaint_id, step_sequence, letter, channel, language, to_name, to_address, queued_at,"
    " state, tries, next_try_at) VALUES (:key, :id, 1, 'receipt', 'email', 'bn', 'name', 'someone@example.com', :now,"
    " 'sent', 0, :now)"
)


@app.get("/readyz")
def ready() -> str:
    return "ready"


@app.post("/lodge")
def lodge() -> tuple[str, int, dict[str, str]]:
    number, now = next(numbers), datetime.now(UTC).replace(tzinfo=None)
    with engine.begin() as connection:
        own = models["complaint"] | {"tracking_number": f"{number % 10**12:012d}", "form_identity": f"bare-{number}"}
        complaint_id = connection.execute(text(f"{inserts['complaint'].text} RETURNING id"), own).scalar_one()
        for table in COPIES:
            connection.execute(inserts[table], models[table] | {"complaint_id": complaint_id})
        for letter in range(3):
            connection.execute(message, {"key": f"bare/{number}/{letter}", "id": complaint_id, "now": now})
    return "", 303, {"Location": "/"}
