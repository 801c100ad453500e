"""Emails leave here: by SMTP, or as files in the sandbox."""
