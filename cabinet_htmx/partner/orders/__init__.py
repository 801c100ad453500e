"""Views of orders: the list, an order's page and the CSV export."""
