-- Reads the tables that 0136 bounds, while they are read and written.
-- depends: 0136-bounds-of-first-partitions

ALTER TABLE audit_log VALIDATE CONSTRAINT audit_log_first;
ALTER TABLE operator_actions VALIDATE CONSTRAINT operator_actions_first;
ALTER TABLE operator_action_outcomes VALIDATE CONSTRAINT operator_action_outcomes_first;
ALTER TABLE webhook_events VALIDATE CONSTRAINT webhook_events_first;
ALTER TABLE webhook_attempts VALIDATE CONSTRAINT webhook_attempts_first;
