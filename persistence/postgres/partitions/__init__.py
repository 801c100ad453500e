"""Tables that are partitioned by month, through the time in their ids."""
