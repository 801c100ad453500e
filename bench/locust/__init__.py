"""Load as partners make it, by locust: see `python -m bench.locust --help`."""
