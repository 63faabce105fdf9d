"""Events in the formats that readers ask for: JSON pages, GeoJSON, Atom, CSV and NDJSON."""
