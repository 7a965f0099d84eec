"""Two web nodes, two workers, proxy, limits, primary and standby, each a machine of its own; each is lost once.

People file and follow all the while. Whoever was thanked is in the database once, and every step and letter that was
due happened once. ``pytest -m thorough -s`` prints what each loss cost them.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from grs.settings import ROOT
from tests.certificates import certificate
from tests.conftest import SECRET
from tests.deploy.proxy import NGINX, configuration
from tests.machines import Machine, machines, why_no_machines
from tests.postgres import why_missing
from tests.promises.servers import Pair, running_pair

OVERDUE = 120
PEOPLE = 8
NAMES = ("people", "proxy", "web1", "web2", "worker1", "worker2", "limits", "db1", "db2")
LACKING = (
    why_missing() or why_no_machines() or (None if NGINX else "no nginx") or
    (None if shutil.which("redis-server") else "no Redis") or (None if shutil.which("openssl") else "no openssl")
)  # fmt: skip
pytestmark = [
    pytest.mark.thorough,
    pytest.mark.xdist_group("processes"),
    pytest.mark.skipif(LACKING is not None, reason=LACKING or ""),
]
PYTHON = Path(sys.executable)


@dataclass
class Network:
    """All that runs, and what the people wrote down."""

    hosts: dict[str, Machine]
    pair: Pair
    folder: Path

    @property
    def site(self) -> str:
        return f"https://{self.hosts['proxy'].address}"

    def settings(self, **more: str) -> dict[str, str]:
        return {
            "GRS_DATABASE_URL": self.pair.url().partition("&target_session_attrs")[0], "GRS_SECRET_KEY": SECRET,
            "GRS_BASE_URL": self.site, "GRS_BEHIND_PROXY": "true", "GRS_LODGING_PER_HOUR": "60000",
            "GRS_RATE_LIMIT_STORAGE": f"redis://{self.hosts['limits'].address}:6379", "GRS_SECOND_FACTOR": "optional",
        } | more  # fmt: skip

    def begin(self, name: str) -> None:
        """Start what a machine is there for."""
        host = self.hosts[name]
        log = (self.folder / f"{name}.log").open("ab")
        if name == "proxy":
            place = self.folder / "proxy"
            host.start(str(NGINX), "-c", place / "nginx.conf", "-g", "daemon off;", log=log)
        elif name == "limits":
            host.start("redis-server", "--bind", host.address, "--protected-mode", "no", "--save", "", log=log)
        elif name.startswith("web"):
            where = {"GRS_HOST": host.address, "GRS_PORT": "8000"}
            grs = PYTHON.with_name("grs")
            host.start(grs, "serve", "--workers", "1", log=log, env=self.settings(**where), cwd=ROOT)
        elif name.startswith("worker"):
            letters = {"GRS_MAIL_FOLDER": str(self.folder / "mail"), "GRS_SMS_FOLDER": str(self.folder / "sms")}
            host.start(PYTHON, "-m", "workers", log=log, env=self.settings(**letters), cwd=ROOT)
        log.close()

    def grs(self, *command: str) -> str:
        """A command of the operator's."""
        return self.hosts["web1"].run(PYTHON.with_name("grs"), *command, env=self.settings(), cwd=ROOT)

    def journal(self) -> list[dict[str, Any]]:
        text = (self.folder / "journal").read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def filed(self) -> list[dict[str, Any]]:
        return [one for one in self.journal() if one["what"] == "file" and one["number"]]

    def ask(self, sql: str) -> Any:
        with psycopg.connect(self.pair.primary.url.replace("dbname=postgres", "dbname=grs")) as connection:
            row = connection.execute(sql.encode()).fetchone()
            return row[0] if row else None


@pytest.fixture(scope="module")
def network() -> Iterator[Network]:
    folder = Path("/tmp") / f"grs-many-{os.getpid()}"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "proxy").mkdir(parents=True)
    with ExitStack() as stack:
        hosts = stack.enter_context(machines(NAMES))
        pair = stack.enter_context(running_pair(hosts["db1"], hosts["db2"]))
        found = Network(hosts, pair, folder)
        certificate(folder / "proxy", hosts["proxy"].address)
        nodes = [f"{hosts[name].address}:8000" for name in ("web1", "web2")]
        configuration(folder / "proxy", nodes=nodes, host=hosts["proxy"].address, tls=443, plain=80)
        found.grs("seed", "--complaints", "300", "--overdue", str(OVERDUE))
        yield found
    shutil.rmtree(folder, ignore_errors=True)


def wait_for(is_so: Callable[[], bool], what: Callable[[], str], seconds: float = 90) -> None:
    until = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < until, f"not within {seconds} s: {what()}"
        time.sleep(0.2)


def people_are_served(network: Network, count: int = 8) -> None:
    """So many more complaints are taken."""
    before = len(network.filed())
    wait_for(lambda: len(network.filed()) >= before + count, lambda: f"{count} more complaints\n{_logs(network)}")


def _logs(network: Network) -> str:
    told = [f"{one.name}: {one.read_text()[-600:]}" for one in sorted(network.folder.glob("*.log"))]
    return "\n".join([*told, *map(str, network.journal()[-12:])])


def test_each_machine_is_lost_once_and_nothing_that_was_promised_is(network: Network) -> None:
    for name in ("limits", "web1", "web2", "proxy"):
        network.begin(name)
    stop, hosts = network.folder / "stop", network.hosts
    with (network.folder / "people.log").open("wb") as log:
        crowd = hosts["people"].start(
            PYTHON, "-m", "tests.deploy.citizen_load", network.site, network.folder / "proxy" / "fullchain.pem",
            network.folder / "journal", stop, str(PEOPLE), log=log, cwd=ROOT,
        )  # fmt: skip
    (network.folder / "journal").touch()
    phases: list[tuple[str, float]] = []

    def losing(what: str) -> None:
        phases.append((what, time.time()))

    people_are_served(network)
    losing("all there")
    people_are_served(network, 40)
    losing("worker 1 begins, is killed in its work")
    network.begin("worker1")
    wait_for(lambda: network.ask("SELECT count(*) FROM message WHERE state = 'sent'") > 0, lambda: "a first letter")
    hosts["worker1"].kill()
    losing("worker 2 has its cable pulled")
    network.begin("worker2")
    people_are_served(network)
    hosts["worker2"].cut()
    people_are_served(network)
    hosts["worker2"].join()
    network.begin("worker1")

    losing("web 1 is killed")
    hosts["web1"].kill()
    people_are_served(network)
    network.begin("web1")
    people_are_served(network)
    losing("web 2 has its cable pulled")
    hosts["web2"].cut()
    people_are_served(network)
    hosts["web2"].join()

    losing("the store of limits is killed")
    hosts["limits"].kill()
    people_are_served(network)
    network.begin("limits")

    losing("the proxy is killed, and started again after 2 s")
    hosts["proxy"].kill()
    time.sleep(2)
    network.begin("proxy")
    people_are_served(network)

    losing("the standby has its cable pulled for 12 s")
    hosts["db2"].cut()
    time.sleep(12)
    thanked = len(network.filed())
    time.sleep(2)
    assert len(network.filed()) == thanked, "nobody is thanked for what no standby has"
    hosts["db2"].join()
    people_are_served(network)

    losing("the primary has its cable pulled, the standby is promoted")
    hosts["db1"].cut()
    network.pair.standby.promote()
    network.pair.change_places()
    people_are_served(network)
    losing("the old primary comes back by itself, still believing")
    hosts["db1"].join()
    people_are_served(network)
    losing("all there again")
    network.pair.standby.kill()
    network.pair.follow()
    people_are_served(network)

    stop.touch()
    crowd.wait(60)
    report(network, phases)
    waiting = "SELECT count(*) FROM message WHERE state = 'queued' AND next_try_at <= now() AND letter = 'escalated'"
    overdue = "SELECT count(*) FROM complaint WHERE escalates_after < (now() AT TIME ZONE 'Asia/Dhaka')::date"
    wait_for(lambda: network.ask(overdue) == 0, lambda: f"the sweep\n{_logs(network)}", 180)
    wait_for(lambda: network.ask(waiting) == 0, lambda: f"the letters\n{_logs(network)}", 180)

    thanked_numbers = {one["key"]: one["number"] for one in network.filed()}
    with psycopg.connect(network.pair.primary.url.replace("dbname=postgres", "dbname=grs")) as connection:
        rows = connection.execute("SELECT tracking_number FROM complaint WHERE subject = 'তথ্য পাওয়া যায়নি'").fetchall()
    there = [row[0] for row in rows if row[0] in set(thanked_numbers.values())]
    assert len(there) == len(thanked_numbers) == len(set(thanked_numbers.values())), "each thanks is one complaint"
    tried = {one["key"] for one in network.journal() if one["what"] == "file"}
    filed = network.ask("SELECT count(*) FROM complaint WHERE description = 'তিনবার গিয়েও পাইনি।'")
    assert len(thanked_numbers) <= filed <= len(tried), "sent again is not filed again"
    twice = "SELECT count(*) FROM step WHERE kind = 'escalated' GROUP BY complaint_id, details::json->>'from_tier'"
    assert network.ask(f"SELECT coalesce(max(count), 0) FROM ({twice}) AS found") == 1
    assert " 0 broken" in network.grs("check")


def report(network: Network, phases: list[tuple[str, float]]) -> None:
    """What each loss cost the people: how many were served, how long nobody was, the longest wait of one."""
    requests = network.journal()
    for (name, began), (_, ended) in zip(phases, [*phases[1:], ("", time.time())], strict=True):
        inside = [one for one in requests if began <= one["at"] < ended]
        served = sorted(one["at"] + one["took"] for one in inside if 200 <= one["status"] < 300)
        gaps = [later - sooner for sooner, later in zip([began, *served], served, strict=False)]
        failed = [one for one in inside if not 200 <= one["status"] < 300]
        longest = max((one["took"] for one in inside), default=0)
        print(
            f"{name}: {ended - began:.0f} s, {len(served)} served, {len(failed)} failed, "
            f"nobody for {max(gaps, default=0):.1f} s, longest wait {longest:.1f} s"
        )
