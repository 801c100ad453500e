"""Price ingestion: from the sandbox market or from exchanges, into one snapshot."""
