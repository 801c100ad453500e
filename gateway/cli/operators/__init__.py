"""Commands on operators, their approvals and the audit trail."""
