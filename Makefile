# Everything lives in dev.py, which needs no make: these are short names for it.
PYTHON ?= python3

.PHONY: try check lint test messages lock
try:      ; $(PYTHON) dev.py try
check:    ; $(PYTHON) dev.py check
lint:     ; $(PYTHON) dev.py check --only format --only lint --only types --only walls
test:     ; $(PYTHON) dev.py check --only tests
messages: ; $(PYTHON) dev.py messages
lock:     ; $(PYTHON) dev.py lock
