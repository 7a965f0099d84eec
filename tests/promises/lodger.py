"""A process that files complaints with a photograph and writes each number down the moment it was thanked for it."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path

from PIL import Image
from sqlalchemy import event

from grs.bootstrap import open_house
from tests.conftest import browser, make_settings
from tests.stories import fill_in


def main(url: str, acks: str, number: int, synchronous: str) -> None:
    house = open_house(make_settings(url, Path(acks).parent))
    if synchronous != "FULL":
        event.listen(
            house.engine, "connect", lambda connection, _: connection.execute(f"PRAGMA synchronous={synchronous}")
        )
    file = os.open(acks, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    for n in range(number):
        client = browser(house)
        address = fill_in(client, "doict-kaunia")
        picture = io.BytesIO()
        Image.new("RGB", (40 + n, 40), (n, n, n)).save(picture, "PNG")
        picture.seek(0)
        client.post(f"/forms/{address}/files", data={"files": (picture, "a.png")})
        answer = client.post(f"/forms/{address}/check")
        assert answer.status_code == 303, answer.text
        os.write(file, (answer.headers["Location"].rsplit("/", 1)[1] + "\n").encode())


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4])
