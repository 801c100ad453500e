"""The cabinet: how long its pages take with ten million orders of one partner."""
