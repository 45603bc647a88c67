"""The daemon of one host: it decides what is due, has it done in processes of their own, and keeps the books."""
