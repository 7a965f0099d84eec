"""My complaints: a one-time link instead of a password."""

from __future__ import annotations

from flask import g, redirect, render_template, request, session, url_for

from grs.domain.errors import InvalidInput, NotFound
from grs.usecases.own_complaints import ask_for_link, complaints_of, is_open, open_link, read_address
from grs.web import limits
from grs.web.citizen.desk import Page, blueprint, today
from grs.web.doors import house
from grs.web.protection import anyone


@blueprint.get("/my-complaints")
@anyone
def own() -> Page:
    """The list when a link was opened in this browser, else the question for an address."""
    link = session.get("link")
    if link is not None:
        with house().readers() as db:
            if is_open(db, link, now=house().clock()):
                return render_template("citizen/own_list.html", complaints=complaints_of(db, link), today=today())
    return render_template("citizen/own.html", address="", problems={}, is_asked=False)


@blueprint.post("/my-complaints")
@limits.limiter.limit(limits.LINKS)
@anyone
def ask_own() -> Page:
    """Send the link; the answer is the same whether the address is known or not."""
    typed = request.form.get("address", "")
    try:
        with house().writers.begin() as db:
            ask_for_link(db, read_address(typed), language=g.language, now=house().clock())
    except InvalidInput as error:
        return render_template("citizen/own.html", address=typed, problems=error.problems, is_asked=False), 422
    return render_template("citizen/own.html", address=typed, problems={}, is_asked=True)


@blueprint.get("/my-complaints/<token>")
@anyone
def own_link(token: str) -> Page:
    """A button, not the list: programs that look into mails must not use the link up."""
    return _with_link(token, use=False)


@blueprint.post("/my-complaints/<token>")
@anyone
def use_own_link(token: str) -> Page:
    """Use the link up and show the list in this browser."""
    return _with_link(token, use=True)


def _with_link(token: str, *, use: bool) -> Page:
    try:
        with house().writers.begin() as db:
            link = open_link(db, token, secret_key=house().settings.secret_key, now=house().clock(), use=use)
    except NotFound:
        return render_template("citizen/own_link.html", token=token, is_good=False), 404
    if not use:
        return render_template("citizen/own_link.html", token=token, is_good=True)
    session["link"] = link.id
    return redirect(url_for("citizen.own"), 303)
