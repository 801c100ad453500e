"""Who and what acts in the world: processes, customers, the operator, the market, time."""
