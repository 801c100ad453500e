"""Code shared by the swap page, the cabinet and the documentation."""
