"""The partner's cabinet: what its pages show."""
