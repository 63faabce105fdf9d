"""The inverted index over events: what every filter reads, written in the transaction of the event."""
