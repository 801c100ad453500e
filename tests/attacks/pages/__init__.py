"""Attacks on the pages, in a browser or with requests that resemble one's."""
