"""django-helpdesk, measured beside us: run by a Python that has it (``BENCH_HELPDESK``), prints a JSON line a figure.

    python -m venv peers && peers/bin/pip install django-helpdesk packaging 'psycopg[binary]'
    peers/bin/pip install --no-deps django-bootstrap5-form
    BENCH_HELPDESK=peers/bin/python make bench

Its mail goes nowhere (Django's dummy backend), with five receivers a ticket: who complained, who has it, three others.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

TICKETS, OVERDUE, ROUNDS = 10_000, 200, 5


def configure(url: str) -> None:
    """The least that django-helpdesk runs with."""
    import django
    from django.conf import settings

    at = urlsplit(url)
    settings.configure(
        SECRET_KEY="only-for-the-bench",
        DATABASES={"default": {"ENGINE": "django.db.backends.postgresql", "NAME": at.path[1:], "USER": at.username,
                               "HOST": at.hostname, "PORT": at.port}},
        INSTALLED_APPS=["django.contrib.admin", "django.contrib.auth", "django.contrib.contenttypes",
                        "django.contrib.humanize", "django.contrib.messages", "django.contrib.sessions",
                        "django.contrib.sites", "django.contrib.staticfiles", "bootstrap5form", "rest_framework",
                        "helpdesk"],
        MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware",
                    "django.contrib.auth.middleware.AuthenticationMiddleware",
                    "django.contrib.messages.middleware.MessageMiddleware"],
        TEMPLATES=[{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True,
                    "OPTIONS": {"context_processors": ["django.template.context_processors.request",
                                                       "django.contrib.auth.context_processors.auth",
                                                       "django.contrib.messages.context_processors.messages"]}}],
        ROOT_URLCONF=__name__, STATIC_URL="/static/", SITE_ID=1, USE_TZ=True, ALLOWED_HOSTS=["*"],
        DEFAULT_AUTO_FIELD="django.db.models.AutoField", EMAIL_BACKEND="django.core.mail.backends.dummy.EmailBackend",
        HELPDESK_TEAMS_MODE_ENABLED=False, LOGIN_URL="/login/",
    )  # fmt: skip
    django.setup()


def tell(name: str, unit: str, value: float) -> None:
    print(json.dumps({"name": f"django-helpdesk: {name}", "unit": unit, "ours": value}), flush=True)


def middle(work: Callable[[], Any]) -> float:
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return statistics.median(times)


def main() -> None:
    """Fill a database, then escalate, list and look."""
    configure(sys.argv[1])
    from django.contrib.auth import get_user_model
    from django.core.management import call_command
    from django.test import Client
    from django.urls import include, path, reverse
    from django.utils import timezone
    from helpdesk.models import Queue, Ticket, TicketCC
    from helpdesk.query import query_to_base64

    urlpatterns.append(path("", include("helpdesk.urls", namespace="helpdesk")))
    call_command("migrate", verbosity=0)
    now = timezone.now()
    officer = get_user_model().objects.create_superuser("officer", "officer@example.com", "only-for-the-bench")
    queue = Queue.objects.create(title="Office", slug="office", escalate_days=30, allow_public_submission=True)
    Ticket.objects.bulk_create(
        Ticket(queue=queue, title=f"Sample {n}", description="Three visits, no answer.", assigned_to=officer,
               submitter_email=f"citizen{n}@example.com", created=now, modified=now, priority=3,
               on_hold=n > OVERDUE)
        for n in range(1, TICKETS + 1)
    )  # fmt: skip
    due = list(Ticket.objects.filter(on_hold=False).values_list("id", flat=True))
    TicketCC.objects.bulk_create(
        TicketCC(ticket_id=one, email=f"other{n}@example.com") for one in due for n in range(3)
    )

    def escalate() -> None:
        long_ago = now - timedelta(days=90)
        Ticket.objects.filter(id__in=due).update(priority=4, created=long_ago, last_escalation=long_ago)
        call_command("escalate_tickets")

    tell("escalations (5 letters each)", "/s", OVERDUE / middle(escalate))
    assert Ticket.objects.filter(id__in=due, priority=3).count() == OVERDUE
    client = Client()
    client.force_login(officer)
    asked = query_to_base64({"filtering": {"status__in": [1, 2]}, "sorting": "created", "sortreverse": False,
                             "search_string": "", "filtering_null": {}})  # fmt: skip
    address = reverse("helpdesk:datatables_ticket_list", args=[asked]) + "?start=0&length=25&draw=1&search[value]="

    def see(page: str) -> None:
        answer = client.get(page)
        assert answer.status_code == 200, (page, answer.status_code)

    tell("list, 25 rows", "ms", middle(lambda: see(address)) * 1e3)
    tell("one case's page", "ms", middle(lambda: see(reverse("helpdesk:view", args=[due[0]]))) * 1e3)


urlpatterns: list[Any] = []
"""Of this module, which Django asks for its pages."""
if __name__ == "__main__":
    main()
