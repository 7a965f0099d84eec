"""How a letter leaves: text from templates, then by SMTP, an SMS gateway, or into a folder."""
