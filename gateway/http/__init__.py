"""HTTP infrastructure that the API, the pages and the cabinet share."""
