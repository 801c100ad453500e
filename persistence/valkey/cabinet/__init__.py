"""What the cabinet stores in Valkey: sessions and failed attempts to sign in."""
