"""Bitcoin and its forks, over Core's RPC."""
