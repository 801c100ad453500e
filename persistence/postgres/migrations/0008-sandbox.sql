-- Whether this database is a sandbox's: its pay-in addresses are made up, so no real customer must
-- ever be shown one. It is said before there is any account, and stays.
-- depends: 0007-migrations-told

ALTER TABLE operator_settings ADD COLUMN sandbox boolean NOT NULL DEFAULT false;
