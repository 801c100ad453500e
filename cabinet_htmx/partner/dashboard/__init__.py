"""Views of the start page: figures, chart and what needs attention."""
