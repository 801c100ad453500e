"""What any web server needs, independent of the API and the pages."""
