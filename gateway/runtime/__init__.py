"""Infrastructure of a running process: its market, watchers, metrics, logs and supervision."""
