-- What follows a voided outflow concerns settlement and the operator only.
-- depends: 0070-voided-outflow-decisions

REVOKE EXECUTE ON FUNCTION due_after_void(uuid) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION due_after_void(uuid) TO swapgate_settlement, swapgate_admin;
