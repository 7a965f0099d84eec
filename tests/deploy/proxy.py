"""The proxy as it is shipped, with a test's own hosts, ports and folders."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from grs.settings import ROOT

NGINX = shutil.which("nginx") or ("/usr/sbin/nginx" if Path("/usr/sbin/nginx").exists() else None)


def configuration(folder: Path, *, nodes: Sequence[str], host: str, tls: int, plain: int) -> Path:
    """``config/deploy/nginx.conf`` before these web nodes (``host:port``), listening at a host's two ports."""
    text = (ROOT / "config" / "deploy" / "nginx.conf").read_text("utf-8")
    lines = "\n".join(f"    server {node} max_fails=2 fail_timeout=10s;" for node in nodes)
    for old, new in {
        "    server 127.0.0.1:8000 max_fails=2 fail_timeout=10s;": lines,
        "listen 80;": f"listen {host}:{plain};",
        "listen [::]:80;": "",
        "listen 443 ssl http2;": f"listen {host}:{tls} ssl http2;",
        "listen [::]:443 ssl http2;": "",
        "/etc/grs/tls/": f"{folder}/",
        "/var/log/nginx/grs.log": f"{folder}/access.log",
        "/var/log/nginx/grs-error.log": f"{folder}/error.log",
        "/opt/grs/": f"{ROOT}/",
        "server_name grs.office.example;": "server_name localhost;",
    }.items():
        assert old in text, old
        text = text.replace(old, new)
    places = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    whole = folder / "nginx.conf"
    whole.write_text(
        f"user root;\npid {folder}/nginx.pid;\nerror_log {folder}/error.log;\n"
        f"events {{}}\nhttp {{\ninclude /etc/nginx/mime.types;\n{places}{text}\n}}\n"
    )
    return whole
