"""One file a section of the notes, each with its CLAIMS."""
