"""What the swap page, the cabinet and the documentation share."""
