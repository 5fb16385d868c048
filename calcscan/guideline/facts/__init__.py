"""What is known of one person: stated facts and measured ones, read, checked and merged."""
