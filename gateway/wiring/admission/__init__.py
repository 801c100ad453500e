"""The composition around admission: remembered nonces, and changes of partners."""
