"""What is wrong with flows although a call could walk them: found before a caller hears it."""
