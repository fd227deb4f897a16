"""Pages for people: charts as SVG and self-contained HTML, from plain data. Knows nothing of training."""
