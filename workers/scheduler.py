"""The whole timetable. A job only says when to look; what it finds, it finds by state."""

from __future__ import annotations

import logging
import os
import signal
import threading
from types import FrameType

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.blocking import BlockingScheduler
from apscheduler.triggers.cron import CronTrigger

from grs.bootstrap import House
from workers import jobs

log = logging.getLogger(__name__)

ZONE = "Asia/Dhaka"
DRAIN_SECONDS = 15
TIMETABLE = {
    "escalate": CronTrigger(minute="*/5", timezone=ZONE),
    "deliver": CronTrigger(minute="*", timezone=ZONE),
    "call": CronTrigger(minute="*", second=15, timezone=ZONE),
    "receive": CronTrigger(minute="*", second=45, timezone=ZONE),
    "lapse": CronTrigger(minute="4-59/5", timezone=ZONE),
    "recalculate": CronTrigger(minute="*", second=30, timezone=ZONE),
    "remind": CronTrigger(hour="8-17", minute=30, timezone=ZONE),
    "digest": CronTrigger(hour=9, minute=0, timezone=ZONE),
    "freeze": CronTrigger(hour=0, minute=25, timezone=ZONE),
    "count": CronTrigger(minute="*/10", timezone=ZONE),
    "seal": CronTrigger(hour=0, minute=40, timezone=ZONE),
    "anonymise": CronTrigger(hour=2, minute=20, timezone=ZONE),
    "forget": CronTrigger(hour=3, minute=40, timezone=ZONE),
    "shelve": CronTrigger(minute="3-59/5", timezone=ZONE),
    "watch": CronTrigger(minute="7,22,37,52", timezone=ZONE),
}


def make_scheduler(house: House) -> BlockingScheduler:
    """A scheduler with the whole timetable, in this process alone; jobs are fixed in code."""
    scheduler = BlockingScheduler(timezone=ZONE, executors={"default": ThreadPoolExecutor(len(TIMETABLE))})
    for name, trigger in TIMETABLE.items():
        scheduler.add_job(
            _run_safely,
            trigger,
            id=name,
            next_run_time=house.clock(),  # catch up at once, then keep the timetable
            args=[house, name],
            coalesce=True,  # after an outage run once, not once for every missed tick
            misfire_grace_time=None,  # late is better than never
            max_instances=1,
        )
    return scheduler


def run_forever(house: House) -> None:
    """Keep the timetable until SIGTERM or Ctrl-C; the present jobs end first, between two batches.

    One that does not, because a mail server hangs, is left as if killed: its letter is tried again.
    """
    scheduler = make_scheduler(house)

    def stop(_signal: int, _frame: FrameType | None) -> None:
        house.stopping.set()
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        log.info("worker ready: %s", ", ".join(TIMETABLE))
        scheduler.start()
    except (KeyboardInterrupt, SystemExit):
        log.info("worker stopping")
    finally:
        house.stopping.set()
        if scheduler.running:
            ended = threading.Thread(target=scheduler.shutdown, daemon=True)
            ended.start()
            ended.join(DRAIN_SECONDS)
            if ended.is_alive():
                log.warning("worker leaves a job that did not end in %s s", DRAIN_SECONDS)
                logging.shutdown()
                os._exit(0)
        house.close()
        log.info("worker stopped")


def _run_safely(house: House, name: str) -> None:
    """One failed round must not end the timetable; it is recorded, logged, and tried again."""
    try:
        jobs.run(house, name)
    except Exception:
        log.exception("job %s failed", name)
