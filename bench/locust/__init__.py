"""Load as partners cause it, with locust: see `python -m bench.locust --help`."""
