"""Scale: whether what is already in the database slows what comes new."""
