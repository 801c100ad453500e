#!/bin/sh
# Run once by the image of PostgreSQL, in an empty data directory: creates the owner and the database.
set -eu
psql -v ON_ERROR_STOP=1 --username postgres --dbname postgres << SQL
CREATE ROLE swapgate_owner LOGIN CREATEROLE PASSWORD '$(cat "${SECRETS:-/run/secrets}/owner-password")';
CREATE DATABASE swapgate OWNER swapgate_owner;
SQL
