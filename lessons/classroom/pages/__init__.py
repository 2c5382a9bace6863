"""What is made for somebody to read: from a lesson's one source, and at the end of the course."""
