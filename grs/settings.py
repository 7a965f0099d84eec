"""config/ and the environment, read once into one frozen object."""

from __future__ import annotations

import os
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import time
from email.utils import parseaddr
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any

from grs.domain.office_hours import OfficeHours

ROOT = Path(__file__).resolve().parent.parent
CONFIG = ROOT / "config"
TEMPLATES = ROOT / "templates"
SHORTEST_SECRET = 32


class SettingsError(Exception):
    """A setting is missing or cannot be understood; names it."""

    def __init__(self, name: str, reason: str) -> None:
        self.name, self.reason = name, reason
        super().__init__(f"setting {name} (GRS_{name.upper()}): {reason}")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings; ``config/default.toml`` says what each means."""

    database_url: str
    database_replica_url: str
    base_url: str
    host: str
    port: int
    cutoff: time | None
    smtp_host: str
    smtp_port: int
    smtp_user: str
    smtp_password: str
    smtp_security: str
    mail_from: str
    mail_folder: Path
    imap_host: str
    imap_port: int
    imap_user: str
    imap_password: str
    imap_security: str
    imap_judge: str
    reply_address: str
    sms_gateway_url: str
    sms_gateway_token: str
    sms_folder: Path
    operator_email: str
    secret_key: str
    session_idle_minutes: int
    second_factor: str
    office_opens: time
    office_closes: time
    lodging_per_hour: int
    rate_limit_storage: str
    behind_proxy: bool
    scanner: str
    files_url: str
    oidc_issuer: str
    oidc_client_id: str
    oidc_client_secret: str
    oidc_name: str
    log_format: str
    metrics_token: str
    webhook_networks: Sequence[IPv4Network | IPv6Network]

    @property
    def office_hours(self) -> OfficeHours:
        """When officers get letters and are expected to read them."""
        return OfficeHours(self.office_opens, self.office_closes)

    @property
    def is_trial(self) -> bool:
        """Trial mode: no letter leaves the machine until an SMTP address is set."""
        return not self.smtp_host

    @property
    def checked_secret(self) -> str:
        """The secret key; raises SettingsError where it is missing or short enough to be guessed."""
        if len(self.secret_key) < SHORTEST_SECRET:
            raise SettingsError("secret_key", f"is required, {SHORTEST_SECRET} characters or more")
        return self.secret_key

    def __repr__(self) -> str:
        return f"<Settings base_url={self.base_url!r} trial={self.is_trial}>"  # never the secrets


def read_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Read default.toml, then the file named by GRS_CONFIG, then GRS_* variables.

    Raises SettingsError for an unknown name in a file or a value that cannot be understood.
    """
    environment = os.environ if environment is None else environment
    known = {field.name for field in fields(Settings)}
    values: dict[str, Any] = _read_toml(CONFIG / "default.toml")
    if extra := environment.get("GRS_CONFIG"):
        values |= _read_toml(ROOT / extra)
    values |= {name: environment[f"GRS_{name.upper()}"] for name in known if f"GRS_{name.upper()}" in environment}
    for name in values:
        if name not in known:
            raise SettingsError(name, "there is no such setting")
    values["database_url"] = _database_url(values["database_url"])
    if values["database_replica_url"] and not values["database_replica_url"].startswith("postgresql://"):
        raise SettingsError("database_replica_url", "must begin with postgresql://")
    for name in ("port", "smtp_port", "imap_port", "session_idle_minutes", "lodging_per_hour"):
        values[name] = _number(name, values[name])
    values["base_url"] = _base_url(values["base_url"] or f"http://{values['host']}:{values['port']}")
    for name in ("mail_folder", "sms_folder"):
        values[name] = ROOT / values[name]
    if not re.fullmatch(r"[^@\s]+@[^@\s]+", parseaddr(values["mail_from"])[1]):
        raise SettingsError("mail_from", f"{values['mail_from']!r} is not an address such as name <grs@office.example>")
    values["behind_proxy"] = _yes_or_no("behind_proxy", values["behind_proxy"])
    values["cutoff"] = _clock_time("cutoff", values["cutoff"])
    for name in ("office_opens", "office_closes"):
        values[name] = _clock_time(name, values[name])
        if values[name] is None:
            raise SettingsError(name, "is required, such as 09:00")
    values["webhook_networks"] = _networks("webhook_networks", values["webhook_networks"])
    if values["files_url"] and not values["files_url"].startswith(("file:///", "s3://")):
        raise SettingsError("files_url", "must begin with file:/// or s3://")
    if values["second_factor"] not in ("required", "optional"):
        raise SettingsError("second_factor", "must be required or optional")
    if values["oidc_issuer"] and not (values["oidc_client_id"] and values["oidc_client_secret"]):
        raise SettingsError("oidc_client_id", "is required with oidc_issuer, and so is oidc_client_secret")
    if values["log_format"] not in ("text", "json"):
        raise SettingsError("log_format", "must be text or json")
    if values["smtp_security"] not in ("starttls", "tls", "none"):
        raise SettingsError("smtp_security", "must be starttls, tls or none")
    if values["imap_security"] not in ("starttls", "tls", "none"):
        raise SettingsError("imap_security", "must be starttls, tls or none")
    if values["imap_host"] and not re.fullmatch(r"[^@+\s]{1,18}@[^@\s]+", values["reply_address"]):
        raise SettingsError("reply_address", "is required with imap_host: an address of 18 signs at most before the @")
    return Settings(**values)


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SettingsError("config", f"there is no file {path}") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError("config", f"{path}: {error}") from None


def _database_url(url: str) -> str:
    if url.startswith("sqlite:///"):
        path = url.removeprefix("sqlite:///")
        return f"sqlite:///{ROOT / path}"
    if url.startswith(("postgresql://", "postgresql+psycopg://")):
        return url
    raise SettingsError("database_url", "must begin with sqlite:/// or postgresql://")


def _base_url(url: str) -> str:
    if not url.startswith(("http://", "https://")):
        raise SettingsError("base_url", "must begin with http:// or https://")
    return url.rstrip("/")


def _number(name: str, value: object) -> int:
    try:
        number = int(str(value))
    except ValueError:
        raise SettingsError(name, f"{value!r} is not a whole number") from None
    if not 0 < number < 65536:
        raise SettingsError(name, f"{number} is not between 1 and 65535")
    return number


def _yes_or_no(name: str, value: object) -> bool:
    known = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    found = known.get(str(value).lower())
    if found is None:
        raise SettingsError(name, f"{value!r} is neither true nor false")
    return found


def _networks(name: str, value: str) -> tuple[IPv4Network | IPv6Network, ...]:
    try:
        return tuple(ip_network(part) for part in value.replace(",", " ").split())
    except ValueError:
        raise SettingsError(name, f"{value!r} is not a list of networks such as 10.0.0.0/8") from None


def _clock_time(name: str, value: str) -> time | None:
    if not value:
        return None
    try:
        return time.fromisoformat(value)
    except ValueError:
        raise SettingsError(name, f"{value!r} is not a time of day such as 17:00") from None


def environment_file() -> str:
    """Every setting as a line to fill in, commented out, with its meaning above and its default."""
    text = (CONFIG / "default.toml").read_text("utf-8")
    meanings, defaults = dict(_MEANING.findall(text)), tomllib.loads(text)
    lines = ["# The settings of the services: fill in what differs; readable by them alone (0640).", ""]
    for field in fields(Settings):
        default = defaults[field.name]
        shown = str(default).lower() if isinstance(default, bool) else default
        lines += [f"# {meanings[field.name]}", f"#GRS_{field.name.upper()}={shown}", ""]
    return "\n".join(lines)


_NEVER_SHOWN = (
    "secret",
    "password",
    "token",
    "database_url",
    "database_replica_url",
    "rate_limit_storage",
    "sms_gateway_url",
    "folder",
)


def shown_settings(settings: Settings) -> dict[str, tuple[str, str]]:
    """The settings that an administrator may see, each with its meaning: never a secret, nor what may hold one."""
    meanings = dict(_MEANING.findall((CONFIG / "default.toml").read_text("utf-8")))
    return {
        field.name: (str(getattr(settings, field.name)), meanings.get(field.name, ""))
        for field in fields(Settings)
        if not any(part in field.name for part in _NEVER_SHOWN)
    }


_MEANING = re.compile(r"^(\w+) = [^#\n]*# (.+)$", re.MULTILINE)
