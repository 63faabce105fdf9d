"""Tests of the dashboard in a browser; a package so that its fixtures have a name of their own."""
