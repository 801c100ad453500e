"""/openapi.json: the contract as an OpenAPI 3.1 document, generated from the code's tables."""
