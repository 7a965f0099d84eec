"""How the web server runs: gunicorn --config config/gunicorn.conf.py wsgi:app"""

worker_class = "gthread"
threads = 4
timeout = 30
graceful_timeout = 20  # requests that run end within this after SIGTERM
control_socket_disable = True
# Forwarded addresses are believed by the application alone, and only where `behind_proxy` says so.
forwarded_allow_ips = ""
forwarder_headers = ""
