"""/openapi.json: the contract as an OpenAPI 3.1 document, made from the code's own tables."""
