"""What this project depends on: lock files, licenses, advisories, and the bill of materials.

Developers and the build of the wheel use it; it is not part of the wheel.
"""
