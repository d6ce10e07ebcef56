"""The typed face: connections and domains whose methods are the operations."""
